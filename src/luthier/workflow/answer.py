"""A file of questions in, a file of conversations out, answered by another model: to learn from.

Source: Kim & Rush 2016, arXiv:1606.07947 (sequence-level distillation); rewriting as in Yang et al.
2024, arXiv:2402.13669 (self-distillation), whose wording is not used.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from luthier.core import files
from luthier.core.errors import RecipeError
from luthier.data.asked import read_asked
from luthier.data.rows import Chat, Message
from luthier.models.template import as_template_message
from luthier.workflow.outputs import check_files
from luthier.workflow.said import Reason, Said, open_kept
from luthier.workflow.stages import Listener, Stages, silent
from luthier.workflow.teacher import Asking, Teacher

_REWRITE = (
    "{question}\n\nThis answer is right:\n{answer}\n\nGive the same answer in your own words. Keep "
    "every fact, number and name, and write nothing else."
)


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
    check_files([output], [str(input)])
    teacher.check()
    with stages.stage("reading data", str(input)):
        rows = [row for row in read_asked(input, wants="chat").rows if isinstance(row, Chat)]
    asked = _named(_question(row, rewrite=teacher.rewrite) for row in rows)
    kept = open_kept(output, teacher.settings())
    todo = {name: row for name, row in asked.items() if name not in kept.found}
    if len(todo) < len(asked):
        stages.note(f"{len(asked) - len(todo)} answers are there from an earlier start")
    with stages.stage("answering", f"{len(todo)} rows, {teacher.url or teacher.model}"):
        asking = Asking(teacher, kept, seed=seed)
        asking.ask(todo, lambda done, total: stages.progress("answering", done, total, "rows"))
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
