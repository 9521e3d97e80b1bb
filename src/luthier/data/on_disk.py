"""Lists in a temporary file: memory holds where each item begins, and no item."""

from __future__ import annotations

import os
import tempfile
import weakref
from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, BinaryIO, Protocol, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from luthier.core import cache
from luthier.core.errors import DataError
from luthier.data.flattened import Flattener

T = TypeVar("T")

IN_MEMORY_BYTES = 64 << 20
"""So much waits in memory to be written; smaller sets are never written."""


class Flat(Protocol):
    """What makes bytes of items, and items of these."""

    def flat(self, value: Any) -> bytes: ...
    def whole(self, data: bytes) -> Any: ...


class OnDisk(Sequence[T]):
    """Rows, or records, that are read anew whenever asked for: 8 bytes of memory for each.

    The file has no name, so nothing is left of it whatever ends the process.
    """

    def __init__(self, items: Iterable[T] = (), *, flattener: Flat | None = None) -> None:
        self._starts = array("Q", [0])
        self._file: BinaryIO | None = None
        self._waiting = bytearray()
        self._flattener: Flat = flattener or Flattener()
        for item in items:
            self.append(item)

    def append(self, item: T) -> None:
        """Put an item behind the others.

        Raises: DataError: the disk is full.
        """
        data = self._flattener.flat(item)
        if self._waiting and len(self._waiting) + len(data) > IN_MEMORY_BYTES:
            self._write()
        self._waiting += data
        self._starts.append(self._starts[-1] + len(data))

    def _write(self) -> None:
        try:
            if self._file is None:
                cache.root().mkdir(parents=True, exist_ok=True)
                made = tempfile.TemporaryFile(dir=cache.root(), buffering=0)  # noqa: SIM115
                weakref.finalize(self, made.close)
                self._file = made
            left = memoryview(self._waiting)
            while left:
                left = left[self._file.write(left) :]
        except OSError as error:
            raise no_room(len(self), error) from None
        self._waiting = bytearray()

    def __len__(self) -> int:
        return len(self._starts) - 1

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[T]: ...
    def __getitem__(self, index: int | slice) -> T | Sequence[T]:
        if isinstance(index, slice):
            return Chosen(self, range(len(self))[index])
        at = range(len(self))[index]
        return self._flattener.whole(self._bytes(self._starts[at], self._starts[at + 1]))

    def _bytes(self, start: int, end: int) -> bytes:
        written = self._starts[-1] - len(self._waiting)
        if start >= written or self._file is None:
            return bytes(self._waiting[start - written : end - written])
        # not by the file's own position, which forked processes share
        return os.pread(self._file.fileno(), end - start, start)

    def __iter__(self) -> Iterator[T]:
        return (self[at] for at in range(len(self)))

    def __eq__(self, other: Any) -> bool:
        return _equal(self, other)


class Chosen(Sequence[T]):
    """Some items of a sequence, by their numbers in it."""

    def __init__(self, items: Sequence[T], numbers: NDArray[np.int64] | range) -> None:
        if isinstance(items, Chosen):
            numbers, items = np.asarray(items._numbers)[numbers], items._items
        self._items, self._numbers = items, numbers

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[T]: ...
    def __getitem__(self, index: int | slice) -> T | Sequence[T]:
        if isinstance(index, slice):
            return Chosen(self._items, self._numbers[index])
        return self._items[int(self._numbers[index])]

    def __eq__(self, other: Any) -> bool:
        return _equal(self, other)


def _equal(items: Sequence[Any], other: Any) -> bool:
    """Whether a sequence holds equal items in the same order, whatever holds them."""
    if not isinstance(other, Sequence) or len(items) != len(other):
        return False
    return all(mine == theirs for mine, theirs in zip(items, other, strict=True))


def no_room(rows: int, error: OSError) -> DataError:
    """The message for a cache folder that cannot hold what was read."""
    return DataError(
        f"{cache.root()}: {rows} rows cannot be kept there while they are looked at "
        f"({(error.strerror or str(error)).lower()}).\n"
        "    Make room, or name another folder: LUTHIER_CACHE"
    )
