"""A file of questions in, a file of conversations out, answered by another model: to learn from.

Source: Kim & Rush 2016, arXiv:1606.07947 (sequence-level distillation); rewriting as in Yang et al.
2024, arXiv:2402.13669 (self-distillation), whose wording is not used.
"""

from __future__ import annotations

import json
import os
import threading
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import torch

from luthier.core import files
from luthier.core.errors import RecipeError
from luthier.core.server import Server
from luthier.data.asked import read_asked
from luthier.data.rows import Chat, Message
from luthier.generation import generate
from luthier.models.load import open_model
from luthier.models.template import as_template_message
from luthier.workflow.device import device_name
from luthier.workflow.endpoint import Endpoint
from luthier.workflow.predict import check_other, check_writable
from luthier.workflow.said import Kept, Reason, Said, judged, open_kept
from luthier.workflow.stages import Listener, Stages, silent

_REWRITE = (
    "{question}\n\nThis answer is right:\n{answer}\n\nGive the same answer in your own words. Keep "
    "every fact, number and name, and write nothing else."
)
AT_ONCE, ROWS_AT_ONCE = 4, 256
"""Questions at an endpoint at a time; rows answered here before they are kept."""


@dataclass(frozen=True, slots=True)
class Teacher:
    """Who answers."""

    model: str
    """A model reference; with `url`, the name by which its server knows it."""
    url: str = ""
    """An OpenAI-compatible endpoint, such as http://127.0.0.1:8000/v1; empty: opened here."""
    key_env: str = ""
    """Environment variable with the endpoint's key."""
    max_new_tokens: int = 512
    temperature: float = 0.0
    rewrite: bool = False
    """Say each row's own answer in other words, instead of answering anew."""


def answer_file(
    input: Path, output: Path, *, teacher: Teacher, seed: int = 0, on_event: Listener = silent
) -> dict[str, Any]:
    """Write one conversation per row whose answer came to its end; others are counted.

    Answers are kept in OUTPUT.part as they come, and asked for once, however often it is started.
    Returns: {"rows", "answered", "unfinished", "calls", "empty", "refused", "output"}.
    Raises: DataError: no conversations. RecipeError: nobody answers, no answer can be learned, or
        nothing can be written.
    """
    stages = Stages(on_event)
    check_other(input, output)
    check_writable(output)
    _check(teacher)
    with stages.stage("reading data", str(input)):
        rows = [row for row in read_asked(input, wants="chat").rows if isinstance(row, Chat)]
    asked = _named(_question(row, rewrite=teacher.rewrite) for row in rows)
    kept = open_kept(output, _settings(teacher))
    todo = {name: row for name, row in asked.items() if name not in kept.found}
    if len(todo) < len(asked):
        stages.note(f"{len(asked) - len(todo)} answers are there from an earlier start")
    with stages.stage("answering", f"{len(todo)} rows, {teacher.url or teacher.model}"):
        _answer(todo, teacher, kept, seed=seed, stages=stages)
    found = [kept.found[name] for name in asked]
    lines = [
        _line(row, said.text) for row, said in zip(rows, found, strict=True) if not said.left_out
    ]
    counts: Counter[Reason] = Counter(said.left_out for said in found)
    refusal = _first_refusal(rows, found)
    if rows and not lines:
        kept.drop()
        raise _nothing(input, counts, teacher, refusal)
    if refusal:
        stages.note(f"{teacher.url} refused {counts['refused']} rows: {refusal}", warning=True)
    files.write_text(output, "".join(f"{line}\n" for line in lines))
    kept.drop()  # not before: the disk may be full
    left_out = {reason: counts[reason] for reason in ("unfinished", "calls", "empty", "refused")}
    return {"rows": len(rows), "answered": len(lines), **left_out, "output": str(output)}


def _settings(teacher: Teacher) -> dict[str, Any]:
    """What answers depend on."""
    return {key: value for key, value in asdict(teacher).items() if key != "key_env"}


def _first_refusal(rows: Sequence[Chat], found: Sequence[Said]) -> str:
    """What the endpoint told, and for which row; an empty string where it took them all."""
    pairs = zip(rows, found, strict=True)
    refused = ((row, said) for row, said in pairs if said.left_out == "refused")
    return next((f"{said.text}, asked for {row.origin}" for row, said in refused), "")


def _nothing(input: Path, counts: Counter[Reason], teacher: Teacher, refusal: str) -> RecipeError:
    total = counts.total()
    if counts["unfinished"] == total:
        return RecipeError(
            f"{input}: not one of {total} answers came to its end within "
            f"{teacher.max_new_tokens} tokens, so nothing was written.\n"
            "    Raise --max-new-tokens, or name a model that ends its answers"
        )
    if counts["refused"] == total:
        return RecipeError(
            f"{input}: {teacher.url} refused all {total} rows, so nothing was written: {refusal}.\n"
            "    Change what it speaks of, such as --model, --max-new-tokens or the rows"
        )
    refused = f", {counts['refused']} refused by {teacher.url}" if refusal else ""
    told = f": {refusal}" if refusal else ""
    return RecipeError(
        f"{input}: not one of {total} answers can be learned ({counts['unfinished']} longer than "
        f"{teacher.max_new_tokens} tokens, {counts['calls']} calls of tools, {counts['empty']} "
        f"without words{refused}), so nothing was written{told}.\n"
        "    Name another model, or leave the tools out of the rows"
    )


def _check(teacher: Teacher) -> None:
    if teacher.url and urlsplit(teacher.url).scheme not in ("http", "https"):
        raise RecipeError(f"--url: got '{teacher.url}', expected such as http://127.0.0.1:8000/v1")
    if teacher.key_env and not os.environ.get(teacher.key_env):
        raise RecipeError(
            f"--key-env: the environment has no {teacher.key_env}. Set it to the key of "
            f"{teacher.url}, or leave it out"
        )


def _named(questions: Iterable[Chat]) -> dict[str, Chat]:
    """Questions by their content and the how-manieth of such it is: a row that is deleted or moved
    takes no answer from the others."""
    seen: Counter[str] = Counter()
    found: dict[str, Chat] = {}
    for question in questions:
        key = question.key()
        found[f"{key}:{seen[key]}"] = question
        seen[key] += 1
    return found


def _question(row: Chat, *, rewrite: bool) -> Chat:
    """What the teacher is shown: the turns before the answer.

    Raises: RecipeError: there is no answer that could be rewritten.
    """
    turns = row.prompt()
    if not rewrite:
        return replace(row, messages=turns)
    if not row.answer():
        raise RecipeError(f"{row.origin}: no answer to rewrite. Leave --rewrite out")
    last = turns[-1]
    text = _REWRITE.format(question=last.content, answer=row.answer())
    return replace(row, messages=(*turns[:-1], replace(last, content=text)))


def _answer(
    todo: Mapping[str, Chat], teacher: Teacher, kept: Kept, *, seed: int, stages: Stages
) -> None:
    """Keep an answer for each row.

    Raises: RecipeError: somebody does not answer; what came until then is kept.
    """
    if not todo:
        return
    if not teacher.url:
        _here(todo, teacher, kept, seed=seed, stages=stages)
        return
    try:
        _over_http(todo, teacher, kept, stages=stages)
    except RecipeError as error:
        num = sum(said.left_out != "refused" for said in kept.found.values())
        if not num:
            raise
        raise RecipeError(
            f"{error}\n    {num} answers are kept in {kept.path}: the same command "
            "goes on with the others"
        ) from None


def _here(
    todo: Mapping[str, Chat], teacher: Teacher, kept: Kept, *, seed: int, stages: Stages
) -> None:
    bundle = open_model(
        teacher.model,
        kinds=frozenset({"causal_lm"}),
        dtype=torch.bfloat16 if device_name() == "cuda" else torch.float32,
        device=device_name(),
    )
    names = list(todo)
    for start in range(0, len(names), ROWS_AT_ONCE):
        chosen = names[start : start + ROWS_AT_ONCE]
        completions = generate(
            bundle,
            [bundle.codec.prompt(todo[name].messages, todo[name]) for name in chosen],
            max_new_tokens=teacher.max_new_tokens,
            temperature=teacher.temperature,
            seed=seed + start,
            on_progress=lambda done, _, before=start: stages.progress(
                "answering", before + done, len(names), "rows"
            ),
        )
        for name, said in zip(chosen, completions, strict=True):
            kept.keep(name, judged(said.text, finished=said.finished))


def _over_http(todo: Mapping[str, Chat], teacher: Teacher, kept: Kept, *, stages: Stages) -> None:
    key = os.environ[teacher.key_env] if teacher.key_env else ""
    server = Server(teacher.url, key)
    endpoint = Endpoint(server, teacher.model, teacher.max_new_tokens, teacher.temperature)
    endpoint.check()
    stop = threading.Event()
    pool = ThreadPoolExecutor(AT_ONCE)
    waiting = {pool.submit(endpoint.ask, row, stop=stop): name for name, row in todo.items()}
    try:
        for number, future in enumerate(as_completed(waiting), start=1):
            kept.keep(waiting[future], future.result())
            stages.progress("answering", number, len(waiting), "rows")
    finally:
        stop.set()
        pool.shutdown(cancel_futures=True)
        for future, name in waiting.items():  # what came while another failed
            if name not in kept.found and not future.cancelled() and not future.exception():
                kept.keep(name, future.result())


def _line(row: Chat, text: str) -> str:
    turns = [*row.prompt(), Message("assistant", text)]
    document: dict[str, Any] = {"messages": [_turn(turn) for turn in turns]}
    if row.tools:
        document["tools"] = [dict(tool) for tool in row.tools]
    return json.dumps(document, ensure_ascii=False)


def _turn(message: Message) -> dict[str, Any]:
    """As rows hold it: with what counts of an earlier answer."""
    found = as_template_message(message)
    if message.weight != 1:
        found["weight"] = message.weight
    if message.spans:
        found["spans"] = [asdict(span) for span in message.spans]
    return found
