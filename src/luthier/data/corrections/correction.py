"""One line of a file of corrections: which row, and what is right there."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from pydantic import Field, ValidationError, field_validator

from luthier.core.config import ComponentConfig, find_problems, validate
from luthier.core.errors import DataError
from luthier.core.hints import did_you_mean
from luthier.data.json_value import DECODER
from luthier.data.rows import Row

What: TypeAlias = Literal["confirmed", "drop", "label", "labels", "answer", "swap"]
WHAT: tuple[What, ...] = ("confirmed", "drop", "label", "labels", "answer", "swap")
FOR_ALL: tuple[What, ...] = ("confirmed", "drop")
"""What can be said of every row; the others are things that a row must have (`correctable`)."""
_SHOWN = 12


class _Line(ComponentConfig):
    """The content of a line."""

    key: str = Field(pattern="^[0-9a-f]{64}$")
    """Of the row's content (`Row.key`)."""
    at: str = ""
    """Where the row stood, for people."""
    was: str | list[str] = ""
    """What was said there, for people."""
    new: Literal[True] | None = None
    """The label is meant, although no row has it."""
    confirmed: Literal[True] | None = None
    drop: Literal[True] | None = None
    swap: Literal[True] | None = None
    label: str | None = Field(default=None, min_length=1)
    labels: list[str] | None = None
    answer: str | None = None

    @field_validator("answer")
    @classmethod
    def _says_something(cls, value: str | None) -> str | None:
        if value is not None and not value.strip():
            raise ValueError("expected a text; to leave the row out: drop")
        return value


@dataclass(frozen=True, slots=True)
class Correction:
    """What is right of the rows with one content."""

    key: str
    what: What
    value: Any = True
    at: str = ""
    was: str | list[str] = ""
    is_new: bool = False
    """The label is meant, although no row has it."""
    file: str = ""
    line: int = 0

    @property
    def place(self) -> str:
        """Where it stands."""
        return f"{self.file} line {self.line}"

    def labels(self) -> list[str]:
        """The labels that it gives."""
        if self.what == "labels":
            return list(self.value)
        return [self.value] if self.what == "label" else []

    def text(self) -> str:
        """The line, with its end."""
        said = {"key": self.key, "at": self.at, "was": self.was, self.what: self.value}
        kept = {name: value for name, value in said.items() if value or name == self.what}
        new = {"new": True} if self.is_new else {}
        return json.dumps({**kept, **new}, ensure_ascii=False) + "\n"

    def applied(self, row: Row) -> Row | None:
        """What becomes of the row; None: it is left out.

        Raises: DataError: it says something that such a row does not have.
        """
        if self.what not in (*FOR_ALL, *row.correctable()):
            can = ", ".join((*row.correctable(), *FOR_ALL))
            raise DataError(
                f"{self.place}: '{self.what}' for a row of kind {row.shape()} ({row.origin}), "
                f"expected one of: {can}"
            )
        if self.what == "drop":
            return None
        return row if self.what == "confirmed" else row.corrected(self.what, self.value)


def parsed(text: str, *, file: str, line: int) -> Correction:
    """The correction that a line holds.

    Raises: DataError: it is no such line.
    """
    where = f"{file} line {line}"
    try:
        value: Any = DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise DataError(
            f"{where}: no JSON ({error.msg.lower()} at character {error.pos + 1}); expected a "
            "correction as luthier data label writes it.\n"
            "    Delete the line, or write it to its end"
        ) from None
    if not isinstance(value, dict):
        raise DataError(f"{where}: got {text[:40]!r}, expected an object such as {_example()}")
    try:
        found = validate(_Line, value)
    except ValidationError as error:
        problems = find_problems(_Line, error)
        lines = [f"{where}, {'.'.join(one.place)}: {one.text}" for one in problems]
        raise DataError("\n".join(lines)) from None
    said: list[What] = [name for name in WHAT if getattr(found, name) is not None]
    if len(said) != 1:
        got = ", ".join(said) or "none of them"
        raise DataError(f"{where}: got {got}, expected exactly one of {', '.join(WHAT)}")
    what = said[0]
    value = getattr(found, what)
    is_new = found.new is not None
    return Correction(found.key, what, value, found.at, found.was, is_new, file, line)


def unknown_label(label: str, known: Iterable[str]) -> str:
    """What is said of a label that no row has."""
    names = sorted(known)
    hint = did_you_mean(label, names)
    if "did you mean" not in hint and len(names) > _SHOWN:
        hint = f"; known: {', '.join(names[:_SHOWN])}, ..."
    return f"no row has the label '{label}'{hint}"


def _example() -> str:
    return '{"key": "9f86...", "label": "refund"}'
