"""Other columns of the records that rows came from, found again after cleaning and splitting."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import chain, islice

import numpy as np

from luthier.data.formats.contract import Record
from luthier.data.kept import Kept, place_of
from luthier.data.matching.keyed import Hash, Whole, start_of
from luthier.data.on_disk import OnDisk
from luthier.data.parse import Parsed
from luthier.data.rows import Row


class Others:
    """Of every row that was read, by where it came from: 32 bytes of memory for each."""

    def __init__(self, files: Iterable[Parsed]) -> None:
        files = [one for one in files if one.others]
        self._held = [one.others for one in files]
        ends = np.cumsum([0, *(len(held) for held in self._held)])
        self._begins: list[int] = ends.tolist()
        self._places = _Index(np.concatenate([held.places() for held in self._held or [Kept()]]))
        self._rows = _Index(_contents(files) if self._places.repeats else np.empty(0, np.uint64))

    def of(self, rows: Sequence[Row]) -> Sequence[Record]:
        """For each row the other columns of its record, or of the record of the row that it was
        made of; empty where several records stand in one place and it is not told which."""
        if not self._held:
            return ()
        return OnDisk(self._record(row) for row in rows)

    def _record(self, row: Row) -> Record:
        at = self._places.only(place_of(replace(row.origin, made="")))
        at = self._rows.only(_content(row)) if at < 0 else at
        if at < 0:
            return {}
        number = int(np.searchsorted(self._begins, at, side="right")) - 1
        return self._held[number][at - self._begins[number]]


def _contents(files: Iterable[Parsed]) -> Hash:
    with_others = chain(*(islice(one.rows, len(one.others)) for one in files))
    return np.fromiter((_content(row) for row in with_others), np.uint64)


def _content(row: Row) -> int:
    return start_of(f"{row.origin} {row.key()}")


class _Index:
    """Hashes, and where each stands."""

    def __init__(self, found: Hash) -> None:
        self._order: Whole = np.argsort(found, kind="stable")
        self._sorted: Hash = found[self._order]
        self.repeats = bool((self._sorted[1:] == self._sorted[:-1]).any())
        """Whether one of them stands there twice."""

    def only(self, hashed: int) -> int:
        """The place of a hash that stands there once; else -1."""
        value = np.uint64(hashed)
        first = int(np.searchsorted(self._sorted, value, "left"))
        last = int(np.searchsorted(self._sorted, value, "right"))
        return int(self._order[first]) if last == first + 1 else -1
