"""What all rows have in common: where they came from, and what makes two of them equal."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from luthier.data.edits import Find

LATER = {"later": True}
"""Metadata of a field that came with a later version: while empty it changes no key, so that rows
keep theirs."""


def _plain(value: Any) -> list[tuple[str, Any]]:
    found = [(item, getattr(value, item.name)) for item in fields(value)]
    return [(item.name, held) for item, held in found if held or "later" not in item.metadata]


_ENCODER = json.JSONEncoder(sort_keys=True, ensure_ascii=False, default=_plain)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a row came from: file as the user named it, and the 1-based line (or record) in it."""

    file: str
    line: int
    counted: str = field(default="line", kw_only=True)
    """What `line` counts: lines, or "row" where many rows stand on one line."""
    made: str = field(default="", kw_only=True)
    """How it was made of the row that stands there; empty: it is that row."""

    def __str__(self) -> str:
        return f"{self.file} {self.counted} {self.line}{_in_brackets(self.made)}"


@dataclass(frozen=True, slots=True)
class PartOrigin(Origin):
    """The same of a part of a document; `part` says in words which."""

    part: str

    def __str__(self) -> str:
        return f"{self.file} {self.counted} {self.line}, {self.part}{_in_brackets(self.made)}"


def _in_brackets(made: str) -> str:
    return f" ({made})" if made else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Base of all rows. `group` keeps rows together when splitting (empty: no group); by `when`
    they are put in order where they are split by time.

    `is_confirmed`: somebody looked at what is right here, and said that it is, or corrected it."""

    origin: Origin
    group: str = ""
    when: float = 0.0
    is_confirmed: bool = False

    @classmethod
    def shape(cls) -> str:
        """The name by which formats and messages know this schema."""
        return cls.__name__.lower()

    def key(self) -> str:
        """SHA-256 of the content; equal for equal rows, wherever they stand."""
        left_out = (*self.not_content(), "when", "is_confirmed")
        content = [item for item in _plain(self) if item[0] not in left_out]
        text = _ENCODER.encode([type(self).__name__, content])
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()

    def not_content(self) -> tuple[str, ...]:
        """Names of fields that make no difference between rows."""
        return ("origin", "group")

    def input_key(self) -> str:
        """SHA-256 of what the model is given, without the target: equal inputs leak."""
        return self.key()

    def twin_keys(self) -> tuple[str, ...]:
        """Further keys of what the model is given: rows that share one leak like equal inputs."""
        return ()

    def groups(self) -> tuple[str, ...]:
        """Names of all that the row shares with others which must stay in its split."""
        return (self.group,) if self.group else ()

    def given(self) -> str:
        """What the model is given, as one text: for counting words."""
        return ""

    def shown(self) -> str:
        """What the model is given, as people read it."""
        return self.given()

    def target(self) -> str:
        """The right answer as text; empty where there is none."""
        return ""

    def contested(self) -> str:
        """What rows share that contradict each other where their targets differ; empty: many
        targets are right. Capitals and white space make no difference."""
        return self.given() if self.stratum() or self.brings() else ""

    def asked_with(self) -> str:
        """What a figure of several rows is taken over, such as their query; empty: nothing."""
        return self.group

    def rewritten(self, find: Find) -> Row:
        """The row with what `find` finds in its texts changed; places in them follow. Names of
        classes stay as they are."""
        del find
        return self

    def varied(self, find: Find, *, moves: bool) -> Row:
        """The row with what `find` finds changed in what is only given: what is right, and the
        texts that it lies in, stay. The same row where nothing is only given.

        Args: moves: words may go or change places, so those that have a tag stay.
        """
        del find, moves
        return self

    def relabelled(self, names: Mapping[str, str]) -> Row:
        """The row with other names for its classes, where it has any."""
        del names
        return self

    def correctable(self) -> tuple[str, ...]:
        """What a correction may say anew, by its name in a file of corrections."""
        return ()

    def corrected(self, what: str, value: Any) -> Row:
        """The row with one thing of `correctable` said anew."""
        del what, value
        return self

    def stratum(self) -> str:
        """The class whose share splits should keep; empty where rows have none."""
        return ""

    def brings(self) -> tuple[str, ...]:
        """Names that can be learned only where train has them, beside the `stratum`."""
        return ()


@dataclass(frozen=True, slots=True)
class Splits:
    """Rows of the three splits; `Ledger` holds what became of the others."""

    train: Sequence[Row] = ()
    validation: Sequence[Row] = ()
    test: Sequence[Row] = ()
