"""What rows are compared by: hashes of their content, their input and all that ties them.

Legend: N rows, M ties.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from luthier.data.on_disk import Chosen
from luthier.data.rows import Row

Whole = NDArray[np.int64]
Hash = NDArray[np.uint64]
"""The first 64 bits of a SHA-256: among a million rows two that differ share one in 4e-8 of all
cases."""


@dataclass(frozen=True, slots=True)
class Ties:
    """What rows have in common with others; those of one row stand together, in its order."""

    row_M: NDArray[np.int32]
    """The row, by its place among the others."""
    hash_M: Hash


@dataclass(frozen=True, slots=True)
class Keyed:
    """Rows, and what they are compared by: 28 bytes for each, 12 for each group, and 16 for what
    only some rows have, classes and times."""

    rows: Sequence[Row]
    content_N: Hash
    drawn_N: NDArray[np.float64]
    """Uniform in [0, 1) by what ties the row to others: its group, or else its input."""
    class_N: NDArray[np.int32]
    """Number of the class whose share splits keep (`classes`); 0: none."""
    brought_N: NDArray[np.int32]
    """Number of what it brings (`brings`)."""
    inputs: Ties
    """Its input, then other keys of what the model is given."""
    groups: Ties
    when_N: NDArray[np.float64]
    """By which rows are put in order."""
    classes: Sequence[str]
    brings: Sequence[tuple[str, ...]]

    def __len__(self) -> int:
        return len(self.rows)

    def taken(self, at: NDArray[Any]) -> Keyed:
        """Some of the rows: by their places, rising, or by a mask of all."""
        places: Whole = np.flatnonzero(at) if at.dtype == bool else at
        new = np.full(len(self), -1, np.int32)
        new[places] = np.arange(len(places), dtype=np.int32)
        return Keyed(
            Chosen(self.rows, places),
            self.content_N[places],
            self.drawn_N[places],
            _short(self.class_N[places]),
            _short(self.brought_N[places]),
            _taken(self.inputs, new),
            _taken(self.groups, new),
            _short(self.when_N[places]),
            self.classes,
            self.brings,
        )


def keyed(rows: Sequence[Row]) -> Keyed:
    """The rows with all they are compared by; each is looked at once."""
    content, drawn, brought, when = array("Q"), array("d"), array("i"), array("d")
    inputs, groups = (array("i"), array("Q")), (array("i"), array("Q"))
    class_of, classes = array("i"), {"": 0}
    brings: dict[tuple[str, ...], int] = {}
    for at, row in enumerate(rows):
        content.append(_start(row.key()))
        names, key = row.groups(), row.input_key()
        _tie(inputs, at, [_start(text) for text in (key, *row.twin_keys())])
        _tie(groups, at, [start_of(name) for name in names])
        drawn.append(_uniform(f"group {names[0]}" if names else key))
        kind = "" if row.group else row.stratum()
        class_of.append(classes.setdefault(kind, len(classes)))
        brought.append(brings.setdefault(row.brings(), len(brings)))
        when.append(row.when)
    return Keyed(
        rows,
        _held(content, np.uint64),
        _held(drawn, np.float64),
        _short(_held(class_of, np.int32)),
        _short(_held(brought, np.int32)),
        Ties(_held(inputs[0], np.int32), _held(inputs[1], np.uint64)),
        Ties(_held(groups[0], np.int32), _held(groups[1], np.uint64)),
        _short(_held(when, np.float64)),
        list(classes),
        list(brings),
    )


def joined(first: Ties, second: Ties) -> Ties:
    """The ties of two kinds as one."""
    if not len(second.row_M):
        return first
    return Ties(
        np.concatenate([first.row_M, second.row_M]), np.concatenate([first.hash_M, second.hash_M])
    )


def _held(found: Any, kind: Any) -> NDArray[Any]:
    return np.frombuffer(found, kind) if found else np.empty(0, kind)


def _short(found: NDArray[Any]) -> NDArray[Any]:
    """The same numbers, as one where all are equal."""
    is_one = len(found) and not np.any(found != found[0])
    return np.broadcast_to(found[0].copy(), found.shape) if is_one else found


def _tie(ties: tuple[Any, Any], at: int, hashes: Iterable[int]) -> None:
    for found in hashes:
        ties[0].append(at)
        ties[1].append(found)


def _taken(ties: Ties, new: NDArray[np.int32]) -> Ties:
    row_M = new[ties.row_M]
    return Ties(row_M[row_M >= 0], ties.hash_M[row_M >= 0])


def _start(digest: str) -> int:
    return int(digest[:16], 16)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def start_of(text: str) -> int:
    """The first 64 bits of the SHA-256 of a text."""
    return _start(_sha256(text))


def _uniform(unit: str) -> float:
    return start_of(f"split {unit}") / 2.0**64
