"""What a file holds beside its rows: the other columns of each record, and where it stands."""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterator
from typing import Any, Literal

import numpy as np

from luthier.data.matching.keyed import Hash, start_of
from luthier.data.on_disk import OnDisk
from luthier.data.rows import Origin
from luthier.data.sources.contract import Record

Keeps = Literal["none", "short", "all"]
"""Which columns: all, or of the first rows what can be told apart at a glance: numbers, and how
texts begin."""
FIRST_ROWS = 20_000
"""Of a file, where only what is short is kept."""
HIDDEN = "\0"
"""How the names of columns begin that say something of the others."""
_SHORT = 64


class Asked(dict[str, Any]):
    """A record that knows which of its columns somebody asked for by name."""

    def __init__(self, record: Record) -> None:
        super().__init__(record)
        self.names: set[str] = set()

    def get(self, key: str, default: Any = None) -> Any:
        self.names.add(key)
        return super().get(key, default)


class Kept:
    """For the rows of a file, or the first of them, the columns that they do not hold: 16 bytes of
    memory for each."""

    def __init__(self, keeps: Keeps = "none") -> None:
        self._keeps: Keeps = keeps
        self._records = OnDisk[Record]()
        self._places = array("Q")

    def watched(self, record: Record) -> Record:
        """The record as it is to be read: where all is kept, what nobody asks for is told apart."""
        return Asked(record) if self._keeps == "all" else record

    def append(
        self, origin: Origin, record: Record, taken: Collection[str], *, beside: Collection[str]
    ) -> None:
        """Put those of a row behind the others.

        Args: record: as `watched` gave it. taken: the columns that the row holds, further to those
            that were asked for. beside: columns that were, and that it does not hold.
        """
        if self._keeps == "none" or (self._keeps == "short" and len(self) >= FIRST_ROWS):
            return
        asked = record.names.difference(beside) if isinstance(record, Asked) else ()
        held = {*taken, *asked}
        columns = {k: value for k, value in record.items() if k not in held and k[:1] != HIDDEN}
        self._records.append(_short(columns) if self._keeps == "short" else columns)
        self._places.append(place_of(origin))

    def __len__(self) -> int:
        return len(self._records)

    def __getitem__(self, at: int) -> Record:
        return self._records[at]

    def __iter__(self) -> Iterator[Record]:
        return iter(self._records)

    def places(self) -> Hash:
        """Where each stands, as `place_of` has it."""
        return np.array(self._places, np.uint64)


def _short(columns: Record) -> Record:
    return {
        name: value[:_SHORT] if isinstance(value, str) else value
        for name, value in columns.items()
        if isinstance(value, str | int | float)
    }


def place_of(origin: Origin) -> int:
    """The place of a row, as a number by which it is found."""
    return start_of(str(origin))
