"""Rows of train taken more than once or left out: by the weight of their file, or by class.

Legend: N rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from luthier.core.counted import counted
from luthier.core.errors import DataError, RecipeError
from luthier.core.seeds import derive
from luthier.data.ledger import Ledger
from luthier.data.on_disk import OnDisk
from luthier.data.rows import Row

Times = NDArray[np.int64]
_UNITS = 2.0**63
"""`derive` gives whole numbers below this."""
_SHOWN = 4


def weighted(
    rows: Sequence[Row], weights: Mapping[str, float], ledger: Ledger, *, seed: int
) -> Sequence[Row]:
    """The rows of each file as often as its weight says.

    Of 2.5 every row comes twice, and about every other one, drawn by its content, once more. So
    rows that are added later change nothing for the others.
    Args: weights: file -> weight; 1 for those that are not named.
    Raises: DataError: nothing is left.
    """
    if not weights:
        return rows
    times_N = np.ones(len(rows), np.int64)
    for at, row in enumerate(rows):
        weight = weights.get(row.origin.file, 1.0)
        drawn = derive(seed, "weight", row.key()) / _UNITS
        times_N[at] = int(weight) + (drawn < weight - int(weight))
    if not times_N.any():
        raise DataError(
            f"data.train: with such weights none of its {len(rows)} rows is left to train on.\n"
            "    Use larger ones; what counts is how they compare with one another"
        )
    return _taken(rows, times_N, lambda row: f"{row.origin.file}: weight in data.train", ledger)


def balanced(
    rows: Sequence[Row], how: str | int, ledger: Ledger, *, seed: int
) -> tuple[Sequence[Row], list[str]]:
    """As many rows of every class, and what was done, in words.

    Which rows come once more, or stay, is drawn by their content.
    Args: how: "as_is", as many as the largest class has ("over") or the smallest ("under"), or a
        number.
    Raises: RecipeError: the rows have no classes.
    """
    if how == "as_is":
        return rows, []
    classes = [row.stratum() for row in rows]
    counts = Counter(classes)
    if set(counts) <= {""}:
        shape = rows[0].shape() if rows else "no"
        raise RecipeError(
            f"recipe data.sample: got {how!r}, but {shape} rows have not one class each, by which "
            "they could be balanced. Leave it out"
        )
    wanted = _wanted(how, counts)
    times_N = np.array([wanted // counts[name] for name in classes], np.int64)
    drawn = [derive(seed, "sample", row.key(), str(row.origin)) for row in rows]
    left = {name: wanted % count for name, count in counts.items()}
    for at in sorted(range(len(rows)), key=drawn.__getitem__):
        if left[classes[at]]:
            left[classes[at]] -= 1
            times_N[at] += 1
    found = _taken(rows, times_N, lambda _: f"classes balanced (data.sample={how})", ledger)
    return found, [_said(how, counts, wanted, int(times_N.max(initial=0)))]


def _wanted(how: str | int, counts: Mapping[str, int]) -> int:
    if isinstance(how, int):
        return how
    return max(counts.values()) if how == "over" else min(counts.values())


def _said(how: str | int, counts: Counter[str], wanted: int, most: int) -> str:
    shown = [f"'{name}' had {count:,}" for name, count in counts.most_common()]
    if len(shown) > _SHOWN:
        shown = [*shown[: _SHOWN // 2], "...", *shown[-_SHOWN // 2 :]]
    often = f", some of them {most:,} times" if most > 1 else ""
    return (
        f"data.sample={how}: {counted(wanted, 'row')} of each of "
        f"{len(counts)} classes in train{often} ({', '.join(shown)})"
    )


def _taken(
    rows: Sequence[Row], times_N: Times, why: Callable[[Row], str], ledger: Ledger
) -> Sequence[Row]:
    """Every row so many times: those that stay in their order, then the repetitions."""
    found = OnDisk[Row]()
    for row, times in zip(rows, times_N, strict=True):
        if times:
            found.append(row)
        else:
            ledger.drop(why(row), row.origin)
    for at in np.flatnonzero(times_N > 1):
        row = rows[int(at)]
        for number in range(2, int(times_N[at]) + 1):
            made = ", ".join(filter(None, (row.origin.made, f"repeat {number}")))
            new = replace(row, origin=replace(row.origin, made=made))
            ledger.add(why(row), row.origin, of=row, new=new)
            found.append(new)
    return found
