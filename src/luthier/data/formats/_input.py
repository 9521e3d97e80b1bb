"""What a prompt is about, where it stands in a column beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from luthier.core.errors import DataError
from luthier.data.columns import canonical, find
from luthier.data.formats._values import answer_of
from luthier.data.formats.contract import Context, Record, Sample
from luthier.data.rows import Message

INPUT = ("input", "context", "passage", "paragraph")
"""Alpaca's name, Dolly's, and those of questions about a text."""
_QUESTION, _BODY = "question", "body"
"""A question that is the end of its text, as in SVAMP: the text comes first."""


def input_beside(asked: str, sample: Sample) -> dict[str, str]:
    """The column of what the prompt in column `asked` is about, as `input`; empty where there is
    none, where prompts are lists of turns, or where the recipe names the prompt and no input."""
    if "prompt" in sample.named and "input" not in sample.named:
        return {}
    if any(isinstance(record.get(asked), list) for record in sample.records):
        return {}
    names = (*INPUT, *((_BODY,) if canonical(asked) == _QUESTION else ()))
    found = find(names, [name for name in sample.columns if name != asked])
    return {"input": found} if found and _holds_strings(sample, found) else {}


def told_input(columns: Mapping[str, str]) -> str:
    """To be put behind what is said of the prompt."""
    name = columns.get("input", "")
    place = "before" if canonical(name) == _BODY else "behind"
    return f" with '{name}' {place} it" if name else ""


def with_input(
    asked: list[Message], record: Record, context: Context, *, between: str = "\n"
) -> list[Message]:
    """The turns of a prompt, what they are about joined to the last of the user's."""
    name = context.match.columns.get("input", "")
    more = _told(record.get(name), where=f"{context.origin}, {name}") if name else ""
    if not more.strip():
        return asked
    at = max((at for at, turn in enumerate(asked) if turn.role == "user"), default=-1)
    said = asked[at].content if at >= 0 else ""
    parts = (more, said) if canonical(name) == _BODY else (said, more)
    turn = Message("user", between.join(part for part in parts if part.strip()))
    return [*asked[:at], turn, *asked[at + 1 :]] if at >= 0 else [*asked, turn]


def _told(value: Any, *, where: str) -> str:
    """What a prompt is about, as text.

    Raises: DataError: a list or an object, with how to leave the column unread.
    """
    try:
        return answer_of(value, where=where)
    except DataError as error:
        raise DataError(
            f"{error}\n    Write it as text, or leave the column unread: "
            "data.columns = {prompt: NAME} names the prompt alone"
        ) from None


def _holds_strings(sample: Sample, column: str) -> bool:
    values = [value for record in sample.records if (value := record.get(column)) is not None]
    return bool(values) and all(isinstance(value, str) for value in values)
