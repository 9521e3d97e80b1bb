"""Prepared rows in a temporary file: memory holds a few numbers of each, and no token."""

from __future__ import annotations

import marshal
import mmap
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from luthier.data.features import Features
from luthier.data.on_disk import OnDisk

Arrays = Mapping[str, NDArray[Any]]


def _numbers() -> array[int]:
    return array("I")


@dataclass(frozen=True, slots=True)
class Columns:
    """What is asked of all rows at once, a number for each row."""

    rows: array[int] = field(default_factory=_numbers)
    """`Features.row`."""
    tokens: array[int] = field(default_factory=_numbers)
    longest: array[int] = field(default_factory=_numbers)
    """Tokens of its longest sequence."""
    trained: array[int] = field(default_factory=_numbers)
    """Tokens with a loss."""
    cut: array[int] = field(default_factory=_numbers)
    """Tokens that `on_overflow` removed."""

    def add(self, item: Features) -> None:
        """One more row."""
        self.rows.append(item.row)
        self.tokens.append(item.num_tokens)
        self.longest.append(max(item.lengths))
        self.trained.append(item.num_trained)
        self.cut.append(item.cut_tokens)


class FeaturesOnDisk(Sequence[Features]):
    """Rows that are read anew whenever asked for: 28 bytes of memory for each.

    Pictures, which lie in a file already, stay there.
    """

    def __init__(self, items: Iterable[Features] = ()) -> None:
        self._items: OnDisk[Features] = OnDisk(flattener=_Bytes())
        self._mapped: dict[int, Arrays] = {}
        """Arrays in files of their own, by the place of their row."""
        self._seen = np.zeros(0, np.bool_)
        self.columns = Columns()
        for item in items:
            self.append(item)

    def append(self, item: Features) -> None:
        """Put a row behind the others. Raises: DataError: the disk is full."""
        self.columns.add(item)
        if item.num_tokens:
            self._see(item.input_ids)
        mapped = {name: held for name, held in item.arrays.items() if _is_mapped(held)}
        if mapped:
            self._mapped[len(self)] = mapped
            own = {name: held for name, held in item.arrays.items() if name not in mapped}
            item = replace(item, arrays=own)
        self._items.append(item)

    def _see(self, ids: NDArray[np.int32]) -> None:
        most = int(ids.max())
        if most >= len(self._seen):
            self._seen = np.pad(self._seen, (0, most + 1))
        self._seen[ids] = True

    @property
    def num_distinct(self) -> int:
        """Different tokens of all rows."""
        return int(np.count_nonzero(self._seen))

    def __len__(self) -> int:
        return len(self._items)

    @overload
    def __getitem__(self, index: int) -> Features: ...
    @overload
    def __getitem__(self, index: slice) -> list[Features]: ...
    def __getitem__(self, index: int | slice) -> Features | list[Features]:
        if isinstance(index, slice):
            return [self[at] for at in range(len(self))[index]]
        at = range(len(self))[index]
        item = self._items[at]
        if at not in self._mapped:
            return item
        return replace(item, arrays={**item.arrays, **self._mapped[at]})

    def __iter__(self) -> Iterator[Features]:
        return (self[at] for at in range(len(self)))


def columns_of(features: Sequence[Features]) -> Columns:
    """The columns of some rows; those of rows on disk without reading them."""
    if isinstance(features, FeaturesOnDisk):
        return features.columns
    found = Columns()
    for item in features:
        found.add(item)
    return found


def num_distinct(features: Sequence[Features]) -> int:
    """Different tokens of some rows."""
    if isinstance(features, FeaturesOnDisk):
        return features.num_distinct
    return len(np.unique(np.concatenate([item.input_ids for item in features])))


class _Bytes:
    """Rows as bytes and back. Arrays are copied: whoever has a row may write to it."""

    def flat(self, value: Features) -> bytes:
        return marshal.dumps(
            (
                int(value.row),
                _plain(value.input_ids),
                _plain(value.loss_weights),
                int(value.label),
                int(value.cut_tokens),
                tuple(map(int, value.sequences)),
                {name: _plain(held) for name, held in value.arrays.items()},
                {name: _plain(held) for name, held in value.per_token.items()},
            )
        )

    def whole(self, data: bytes) -> Features:
        row, ids, weights, label, cut, sequences, arrays, per_token = marshal.loads(data)
        return Features(
            row,
            _array(ids),
            _array(weights),
            label,
            cut,
            sequences,
            {name: _array(held) for name, held in arrays.items()},
            {name: _array(held) for name, held in per_token.items()},
        )


_Plain = tuple[str, tuple[int, ...], bytes]


def _plain(held: NDArray[Any]) -> _Plain:
    return held.dtype.str, held.shape, held.tobytes()


def _array(plain: _Plain) -> NDArray[Any]:
    kind, shape, content = plain
    return np.frombuffer(content, kind).reshape(shape).copy()


def _is_mapped(held: NDArray[Any]) -> bool:
    """Whether it lies in a file that the system maps into memory."""
    base: Any = held
    while isinstance(base, np.ndarray):
        base = base.base
    return isinstance(getattr(base, "obj", base), mmap.mmap)
