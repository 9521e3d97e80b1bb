"""Rows to train, validation and test: by the hash of their content, each class by its share.

Legend: N rows, M ties, E edges of a graph, P pairs of near-duplicates.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from luthier.core.counted import counted
from luthier.core.errors import DataError
from luthier.data.matching.keyed import Keyed, joined
from luthier.data.matching.repeated import repeated
from luthier.data.matching.similar import Similar
from luthier.data.on_disk import Chosen
from luthier.data.rows import Row

_SPLITS = ("train", "validation", "test")
_DRIFT = 2.0
"""Rows by which a class may always run off its share before the hash is overruled."""
_DRIFT_PER_ROOT = {True: 0.5, False: 1.5}
"""The same for large classes, in square roots of the rows due: with classes, and without."""


@dataclass(frozen=True, slots=True)
class Shares:
    """Shares of rows that leave the training split; 0 takes none."""

    validation: float
    test: float


@dataclass(slots=True)
class _Stratum:
    """Rows of one class met so far (of all rows, where there are no classes)."""

    has_class: bool = False
    met: int = 0
    validation: int = 0
    test: int = 0


def split(table: Keyed, shares: Shares, *, near: Similar | None = None) -> dict[str, Sequence[Row]]:
    """The rows of each split, in their given order.

    Rows with the same input or group stay together, also through a chain of others (`units`), and
    so do those that `near` gives: the hash of what ties them decides. Within a class (all rows,
    where there are no labels) the hash is overruled only where the split has run two rows off its
    share, and so that ten rows give one to each. What is first to bring a class, a label or a type
    of entity goes to train. Each decision depends on the row and on those before it: rows appended
    later move none, unless they tie what was apart. What holds over half of all rows goes to train.
    Raises: DataError: too few rows for the splits asked for.
    """
    if not shares.validation and not shares.test:
        return {"train": table.rows, "validation": [], "test": []}
    check_number(table, shares)
    unit_N = units(table, near)
    split_N, num_units = _splits(table, unit_N, shares), len(np.unique(unit_N))
    parts = {name: chosen(table, split_N == number) for number, name in enumerate(_SPLITS)}
    check_filled(
        parts,
        shares,
        why=lambda: (
            "rows with the same input or group stay together, also in a chain (there "
            f"{'is' if num_units == 1 else 'are'} {counted(num_units, 'different one')}), and the "
            "first row of a class, a label or a type of entity goes to train"
        ),
    )
    return parts


def _splits(table: Keyed, unit_N: NDArray[np.int32], shares: Shares) -> NDArray[np.int8]:
    """For each row the number of its split."""
    split_N = np.zeros(len(table), np.int8)
    strata: dict[int, _Stratum] = {}
    whole = _Stratum()
    learned: set[str] = set()
    is_most_N = np.bincount(unit_N, minlength=len(table)) > len(table) / 2
    columns = (unit_N, table.class_N, table.brought_N, table.drawn_N)
    for at, (unit, kind, brought, drawn) in enumerate(zip(*columns, strict=True)):
        brings = table.brings[brought]
        if unit == at and not is_most_N[at]:
            stratum = strata.setdefault(int(kind), _Stratum(has_class=bool(kind)))
            is_first = not learned.issuperset(brings)
            name = _decide(float(drawn), stratum, whole, shares, is_first=is_first)
            split_N[at] = _SPLITS.index(name)
        elif unit != at:
            split_N[at] = split_N[unit]
        if not split_N[at]:
            learned.update(brings)
    return split_N


def units(table: Keyed, near: Similar | None = None) -> NDArray[np.int32]:
    """For each row the first row of all that it must stay together with.

    Groups and inputs (and pairs of texts) are the nodes of a graph, tied by the rows that have
    them, as rows are that are near-duplicates; a unit is what hangs together.
    """
    ties = joined(table.inputs, table.groups)
    tied_M, node_M = repeated(ties.hash_M)  # the others tie nothing
    begin_E, end_E = ties.row_M[tied_M].astype(np.int64), len(table) + node_M
    if near is not None:
        begin_E = np.concatenate([begin_E, near.later_P])
        end_E = np.concatenate([end_E, near.earlier_P])
    unit_N = np.arange(len(table), dtype=np.int32)
    # only what is tied at all is made a graph of
    nodes, at = np.unique(np.concatenate([begin_E, end_E]), return_inverse=True)
    if not len(nodes):
        return unit_N
    edges = (np.ones(len(begin_E), np.int8), (at[: len(begin_E)], at[len(begin_E) :]))
    graph = coo_matrix(edges, (len(nodes), len(nodes)))
    _, component = connected_components(graph, directed=False)
    _, first, of = np.unique(component, return_index=True, return_inverse=True)
    tied = nodes < len(table)  # they come first, in order: so the first of a component is a row
    unit_N[nodes[tied]] = nodes[first[of]][tied]
    return unit_N


def is_of_many(table: Keyed, near: Similar, most: int) -> NDArray[np.bool_]:
    """Which pairs of `near` tie more than `most` rows together."""
    unit_N = units(table, near)
    return np.bincount(unit_N, minlength=len(table))[unit_N[near.later_P]] > most


def _decide(
    drawn: float, stratum: _Stratum, whole: _Stratum, shares: Shares, *, is_first: bool
) -> str:
    stratum.met, whole.met = stratum.met + 1, whole.met + 1
    if stratum.met == 1 or is_first:
        return "train"  # no class may be missing there
    lowest, highest = _bounds(shares.test, stratum.met, has_class=stratum.has_class)
    drawn_for = drawn < shares.test and stratum.test < highest
    if stratum.test < lowest or drawn_for or whole.test < _first(shares.test, whole.met):
        stratum.test, whole.test = stratum.test + 1, whole.test + 1
        return "test"
    # one row earlier than the test, so that the tenth row can be either's first
    lowest, highest = _bounds(shares.validation, stratum.met + 1, has_class=stratum.has_class)
    drawn_for = shares.test <= drawn < shares.test + shares.validation
    drawn_for = drawn_for and stratum.validation < highest
    first = _first(shares.validation, whole.met + 1)
    if stratum.validation < lowest or drawn_for or whole.validation < first:
        stratum.validation, whole.validation = stratum.validation + 1, whole.validation + 1
        return "validation"
    return "train"


def _bounds(share: float, met: int, *, has_class: bool) -> tuple[int, int]:
    """Fewest and most rows of a class that a split may hold when `met` have been seen."""
    due = round(share * met, 6)
    drift = max(_DRIFT, _DRIFT_PER_ROOT[has_class] * math.sqrt(due))
    return max(_first(share, met), math.ceil(due - drift)), math.floor(due + drift)


def _first(share: float, met: int) -> int:
    """1 as soon as the share of `met` rows is a whole row, else 0."""
    return int(round(share * met, 6) >= 1)


def _needed(shares: Shares) -> int:
    asked = [share for share in (shares.validation, shares.test) if share]
    return max(math.ceil(round(1 / min(asked), 6)), len(asked) + 1)


def check_number(rows: Keyed, shares: Shares) -> None:
    """Raises: DataError: too few rows for a row in every split."""
    needed = _needed(shares)
    if len(rows) >= needed:
        return
    raise DataError(
        f"{len(rows)} usable row{'s' if len(rows) != 1 else ''}: too few to split off validation "
        f"({shares.validation:.0%}) and test ({shares.test:.0%}); expected at least {needed}.\n"
        "    Add rows, or give files of your own: data.validation and data.test. Validation can be "
        "left out, data.validation_share = 0; test rows cannot"
    )


def chosen(table: Keyed, mask_N: NDArray[np.bool_]) -> Sequence[Row]:
    """Some of the rows, in their order."""
    return Chosen(table.rows, np.flatnonzero(mask_N))


def check_filled(
    parts: Mapping[str, Sequence[Row]], shares: Shares, *, why: Callable[[], str]
) -> None:
    """Nothing, where every split that was asked for holds a row.

    Args: why: it may be otherwise. Raises: DataError: with it.
    """
    asked = {"train": 1.0, "validation": shares.validation, "test": shares.test}
    empty = [name for name, share in asked.items() if share and not len(parts[name])]
    if empty:
        raise DataError(
            f"no row fell to {' or '.join(empty)}: {why()}.\n"
            "    Add rows, or give files of your own: data.validation and data.test"
        )
