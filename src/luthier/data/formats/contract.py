"""What a row format is: it recognises its columns, and turns one record into one row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol, runtime_checkable

from luthier.data.rows import Origin, Row
from luthier.recipe.data_section import Reasoning

Shape = str
"""Name of a row schema: `Row.shape()`."""
Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Sample:
    """What recognition looks at: the columns of a file and its first records."""

    columns: list[str]
    """In order of appearance."""
    records: Sequence[Record]
    answered: bool = True
    """Columns of targets must be there; False for files to be predicted."""
    named: frozenset[str] = frozenset()
    """Canonical columns that the recipe names."""


@dataclass(frozen=True, slots=True)
class Match:
    """A format fits: which column it takes for what, and why, in words."""

    columns: Mapping[str, str]
    """Canonical column -> name in the file."""
    why: str
    weak: bool = False
    """A guess from values: yields to any format that matched by name."""
    how: Mapping[str, str] = field(default_factory=dict[str, str])
    """What else the sample told, for `parse`: such as the mark between several labels."""
    also: tuple[str, ...] = ()
    """Further columns that rows are made of, such as one for each label."""

    def read(self) -> set[str]:
        """Names of the columns that rows are made of."""
        return {*self.columns.values(), *self.also}


@dataclass(frozen=True, slots=True)
class Context:
    """What parsing one record needs besides the record."""

    origin: Origin
    match: Match
    roles: Mapping[str, str] = field(default_factory=dict[str, str])
    """The user's role names -> system, user, assistant or tool."""
    group_by: str = ""
    """Column that holds the group of a row."""
    answered: bool = True
    """The target must be there; False for rows to be predicted."""

    reasoning: Reasoning = "keep"
    """Which reasoning blocks of answers stay."""
    remarks: list[str] = field(default_factory=list[str])
    """What parsing left out of the row, in words; counted in the ledger."""
    missing: frozenset[str] = frozenset()
    """Texts that are no name of a class but stand for a missing one."""
    folder: Path | None = None
    """Where the file lies; None: files are named in full."""

    def value(self, record: Record, column: str) -> Any:
        """The record's value for a canonical column; None where the file has none."""
        return record.get(self.match.columns.get(column, column))

    def group(self, record: Record) -> str:
        """The group of the row, or an empty string."""
        value = record.get(self.group_by) if self.group_by else None
        return "" if value is None else str(value)


@dataclass(frozen=True, slots=True)
class About:
    """What recognition and its messages must know of a format besides how it reads."""

    words: str
    """What its rows are: "a text with its label"."""
    example: str = ""
    """Of `data.columns`, to be shown where nothing fits: "{text: NAME, label: NAME}"."""
    targets: frozenset[str] = frozenset()
    """Those of its columns that may be missing in rows to be predicted."""
    names: frozenset[str] = frozenset()
    """Further names of columns it knows: a first line made of such names is a header."""
    rest: str = "not read"
    """What the columns are that its rows are not made of."""
    is_exclusive: bool = False
    """Where it matches by name, no other shape is read from the file unless `data.format` says so:
    its rows look like others, and would teach the wrong thing."""


class Unusable(Exception):
    """A well-formed row that cannot teach anything; it is dropped and counted under this reason."""


@runtime_checkable
class Settling(Protocol):
    """A format for which the first records do not tell how all are written."""

    def settled(self, match: Match, lines: Sequence[tuple[int, Record]]) -> Match:
        """The match with what all records of the file say of it; asked where targets are read.

        Args: lines: every record with its line.
        Raises: DataError: they contradict each other.
        """
        ...


@runtime_checkable
class Writer(Protocol):
    """A format in which rows are written, too: what it writes, it reads as the rows they were."""

    def record(self, row: Row) -> dict[str, Any] | None:
        """The row under the canonical names of its columns; None: such a row is written in another
        format of its shape."""
        ...


class Format(Protocol):
    """Stateless; built without arguments."""

    shape: ClassVar[Shape]
    canonical: ClassVar[tuple[str, ...]]
    """Columns it knows, the way `data.columns` names them."""
    rank: ClassVar[int]
    """Formats that match by name are tried in this order, smallest first."""
    about: ClassVar[About]

    def recognise(self, sample: Sample) -> Match | None:
        """How the columns would be read, or None."""
        ...

    def parse(self, record: Record, context: Context) -> Row:
        """The record as a row.

        Raises: DataError: it is not what its columns promise. Unusable: nothing to learn from it.
        """
        ...
