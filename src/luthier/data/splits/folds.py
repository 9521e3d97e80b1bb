"""Rows to folds for cross-validation: every row is tested once, by a model that never saw it."""

from __future__ import annotations

from collections import Counter, defaultdict

import numpy as np
from numpy.typing import NDArray

from luthier.core.errors import DataError
from luthier.data.matching.keyed import Keyed
from luthier.data.matching.similar import Similar
from luthier.data.splits.split import units

_DRIFT = 1
"""Rows of a class by which a fold may be ahead of the emptiest before the hash is overruled."""


def folds(table: Keyed, number: int, *, near: Similar | None = None) -> NDArray[np.int64]:
    """For each row the fold that it is tested in, from 0.

    Rows that are tied (`units`) are in one fold. The hash of what ties them decides, but for a
    fold that has more rows of a class (of all, without classes) than another has: then the
    emptiest gets it. Each decision depends on the row and on those before it, so that rows
    appended later move none, unless they tie what was apart.
    Shapes: (N,).
    Raises: DataError: fewer units than folds, or a fold stays empty.
    """
    unit_N = units(table, near)
    firsts, size_U = np.unique(unit_N, return_counts=True)
    if len(firsts) < number:
        raise DataError(
            f"{len(firsts)} rows that need not stay together: too few for {number} folds.\n"
            "    Add rows, or ask for fewer folds"
        )
    fold_N = np.zeros(len(table), np.int64)
    held: dict[int, Counter[int]] = defaultdict(Counter)
    for first, size in zip(firsts, size_U, strict=True):
        of_class, of_all = held[int(table.class_N[first])], held[-1]
        drawn = int(float(table.drawn_N[first]) * number)
        emptiest = min(range(number), key=lambda fold: (of_class[fold], of_all[fold], fold))
        is_ahead = of_class[drawn] - of_class[emptiest] >= _DRIFT
        chosen = emptiest if is_ahead else drawn
        of_class[chosen] += int(size)
        if of_class is not of_all:
            of_all[chosen] += int(size)
        fold_N[first] = chosen
    return fold_N[unit_N]
