"""Exact repetitions within a split, and inputs or groups that stand in two splits.

Legend: N rows, R of them that repeat another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from luthier.core.errors import DataError
from luthier.data.matching.keyed import Hash, Keyed, Ties, Whole
from luthier.data.matching.repeated import repeated
from luthier.data.rows import Row

Tie = Literal["input", "group"]
TIES: Mapping[Tie, str] = {"input": "an input", "group": "a group (data.group_by)"}
"""What two splits must not share, in words."""
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Repeats:
    """Rows that repeat others, in their order."""

    rows: Sequence[Row]
    at_R: Whole
    others: Sequence[Row]
    of_R: Whole
    """For each the place of what it repeats, among `others`."""

    def __len__(self) -> int:
        return len(self.at_R)

    def pair(self, index: int) -> tuple[Row, Row]:
        """One of them, and what it repeats."""
        return self.rows[int(self.at_R[index])], self.others[int(self.of_R[index])]


def remove_duplicates(
    table: Keyed, *, policy: Literal["remove", "keep", "error"]
) -> tuple[Keyed, Repeats]:
    """The rows without exact repetitions (the first stays), and the repetitions.

    Raises: DataError: there are any and the policy is "error".
    """
    nothing = np.empty(0, np.int64)
    at_R, of_R = (nothing, nothing) if policy == "keep" else repetitions(table.content_N)
    repeats = Repeats(table.rows, at_R, table.rows, of_R)
    if len(repeats) and policy == "error":
        raise DataError(
            f"{_count(repeats)} an earlier row exactly: {_shown(repeats)}.\n"
            "    Delete them, or let Luthier: data.on_duplicate = remove (keep leaves them in)"
        )
    return table.taken(without(len(table), at_R)) if len(repeats) else table, repeats


def repetitions(hash_N: Hash) -> tuple[Whole, Whole]:
    """Places of hashes that stand before, rising, and for each the place where it stands first.

    Shapes: (R,) and (R,).
    """
    places, number = repeated(hash_N)
    _, first = np.unique(number, return_index=True)
    of = places[first][number]
    return places[of != places], of[of != places]


def without(count: int, places: Whole) -> NDArray[np.bool_]:
    """A mask of so many, without some places."""
    kept = np.ones(count, bool)
    kept[places] = False
    return kept


def remove_leaks(
    table: Keyed,
    others: Keyed,
    *,
    tie: Tie,
    policy: Literal["remove", "error"],
    split: str,
    other: str,
) -> tuple[Keyed, Repeats]:
    """`table` without rows whose input (or group) stands in `others` too, and those removed.

    Raises: DataError: there are any and the policy is "error".
    """
    own, theirs = (table.inputs, others.inputs) if tie == "input" else (table.groups, others.groups)
    of_N = _first_shared(own, theirs, len(table))
    at_R = np.flatnonzero(of_N >= 0)
    leaks = Repeats(table.rows, at_R, others.rows, of_N[at_R])
    if len(leaks) and policy == "error":
        raise DataError(
            f"{_count(leaks)} the {tie} of a row of another split ({split} and {other}): "
            f"{_shown(leaks)}.\n"
            f"    The score on {other} would be too good. Delete them, or let Luthier: "
            "data.on_leak = remove"
        )
    return table.taken(of_N < 0) if len(leaks) else table, leaks


def _first_shared(own: Ties, theirs: Ties, count: int) -> Whole:
    """For each row the first of the others that shares its first tie that is shared; -1: none."""
    of_N = np.full(count, -1)
    if not len(theirs.hash_M):
        return of_N
    held, at = np.unique(theirs.hash_M, return_index=True)  # the first of equal ones
    found_M = np.minimum(np.searchsorted(held, own.hash_M), len(held) - 1)
    is_shared_M = held[found_M] == own.hash_M
    # backwards, so that a row's first tie is written last
    of_N[own.row_M[is_shared_M][::-1]] = theirs.row_M[at[found_M[is_shared_M]]][::-1]
    return of_N


def _count(repeats: Repeats) -> str:
    return "1 row repeats" if len(repeats) == 1 else f"{len(repeats)} rows repeat"


def _shown(repeats: Repeats) -> str:
    pairs = [repeats.pair(index) for index in range(min(len(repeats), _SHOWN))]
    shown = [f"{row.origin} (as {of.origin})" for row, of in pairs]
    more = [f"and {len(repeats) - _SHOWN} more"] if len(repeats) > _SHOWN else []
    return ", ".join(shown + more)
