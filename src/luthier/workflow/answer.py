"""A file of questions in, a file of conversations out, answered by another model: to learn from.

Source: Kim & Rush 2016, arXiv:1606.07947 (sequence-level distillation); rewriting as in Yang et al.
2024, arXiv:2402.13669 (self-distillation), whose wording is not used.
"""

from __future__ import annotations

import json
import os
import urllib.request
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import torch

from luthier.core import files
from luthier.core.errors import RecipeError
from luthier.data.asked import read_asked
from luthier.data.rows import Chat, Message
from luthier.generation import generate
from luthier.models.load import open_model
from luthier.models.template import as_template_message
from luthier.workflow.device import device_name
from luthier.workflow.predict import check_other, check_writable
from luthier.workflow.stages import Listener, Stages, silent

_REWRITE = (
    "{question}\n\nThis answer is right:\n{answer}\n\nGive the same answer in your own words. Keep "
    "every fact, number and name, and write nothing else."
)
SECONDS, AT_ONCE = 300.0, 4


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

    Returns: {"rows", "answered", "unfinished", "output"}.
    Raises: DataError: no conversations. RecipeError: nobody answers, no answer came to its end, or
        nothing can be written.
    """
    stages = Stages(on_event)
    check_other(input, output)
    check_writable(output)
    _check(teacher)
    with stages.stage("reading data", str(input)):
        rows = [row for row in read_asked(input, wants="chat").rows if isinstance(row, Chat)]
    asked = [_question(row, rewrite=teacher.rewrite) for row in rows]
    with stages.stage("answering", f"{len(rows)} rows, {teacher.url or teacher.model}"):
        if teacher.url:
            with ThreadPoolExecutor(AT_ONCE) as pool:
                found = list(pool.map(lambda row: _over_http(row, teacher), asked))
        else:
            found = _here(asked, teacher, seed=seed, stages=stages)
    lines = [_line(row, text) for row, text in zip(rows, found, strict=True) if text is not None]
    if rows and not lines:
        raise RecipeError(
            f"{input}: not one of {len(rows)} answers came to its end within "
            f"{teacher.max_new_tokens} tokens, so nothing was written.\n"
            "    Raise --max-new-tokens, or name a model that ends its answers"
        )
    files.write_text(output, "".join(f"{line}\n" for line in lines))
    unfinished = len(rows) - len(lines)
    return {
        "rows": len(rows),
        "answered": len(lines),
        "unfinished": unfinished,
        "output": str(output),
    }


def _check(teacher: Teacher) -> None:
    if teacher.url and urlsplit(teacher.url).scheme not in ("http", "https"):
        raise RecipeError(f"--url: got '{teacher.url}', expected such as http://127.0.0.1:8000/v1")
    if teacher.key_env and not os.environ.get(teacher.key_env):
        raise RecipeError(
            f"--key-env: the environment has no {teacher.key_env}. Set it to the key of "
            f"{teacher.url}, or leave it out"
        )


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


def _here(
    asked: Sequence[Chat], teacher: Teacher, *, seed: int, stages: Stages
) -> list[str | None]:
    bundle = open_model(
        teacher.model,
        kinds=frozenset({"causal_lm"}),
        dtype=torch.bfloat16 if device_name() == "cuda" else torch.float32,
        device=device_name(),
    )
    completions = generate(
        bundle,
        [bundle.codec.prompt(row.messages, row) for row in asked],
        max_new_tokens=teacher.max_new_tokens,
        temperature=teacher.temperature,
        seed=seed,
        on_progress=lambda done, total: stages.progress("answering", done, total, "rows"),
    )
    return [said.text if said.finished and said.text.strip() else None for said in completions]


def _over_http(row: Chat, teacher: Teacher) -> str | None:
    """The answer; None where it was cut off.

    Raises: RecipeError: the endpoint does not answer as it should.
    """
    document: dict[str, Any] = {
        "model": teacher.model,
        "messages": [as_template_message(message) for message in row.messages],
        "temperature": teacher.temperature,
        "max_tokens": teacher.max_new_tokens,
        **({"tools": [dict(tool) for tool in row.tools]} if row.tools else {}),
    }
    headers = {"Content-Type": "application/json"}
    if teacher.key_env:
        headers["Authorization"] = f"Bearer {os.environ[teacher.key_env]}"
    place = teacher.url.rstrip("/") + "/chat/completions"
    request = urllib.request.Request(place, json.dumps(document).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as reply:
            choice = json.loads(reply.read())["choices"][0]
            text = choice["message"]["content"]
    except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
        what = getattr(error, "reason", None) or repr(error)
        raise RecipeError(
            f"{place}: no chat completion ({what}), asked for {row.origin}.\n"
            "    Start an OpenAI-compatible server there, or name another one: --url"
        ) from None
    whole = choice.get("finish_reason") == "stop" and isinstance(text, str) and text.strip()
    return str(text) if whole else None


def _line(row: Chat, text: str) -> str:
    turns = [*row.prompt(), Message("assistant", text)]
    document: dict[str, Any] = {"messages": [as_template_message(turn) for turn in turns]}
    if row.tools:
        document["tools"] = [dict(tool) for tool in row.tools]
    return json.dumps(document, ensure_ascii=False)
