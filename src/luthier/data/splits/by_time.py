"""Splits by time: the latest rows are the test, those before them validation.

Legend: N rows, U units of rows that stay together.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from luthier.data.matching.keyed import Keyed
from luthier.data.matching.similar import Similar
from luthier.data.rows import Row
from luthier.data.splits.split import Shares, check_filled, check_number, chosen, units


def split_by_time(
    table: Keyed, shares: Shares, *, near: Similar | None = None
) -> dict[str, Sequence[Row]]:
    """The rows of each split, in their given order; no row of train is as late as one that begins
    validation or the test.

    Rows that are tied (`units`) stand where the latest of them does. Of rows with one time none is
    parted from the others, so a split may hold more than its share.
    Raises: DataError: a split that was asked for stays empty, as where all rows have one time.
    """
    check_number(table, shares)
    unit_N = units(table, near)
    _, unit_N = np.unique(unit_N, return_inverse=True)
    latest_U = np.full(int(unit_N.max(initial=-1)) + 1, -np.inf)
    np.maximum.at(latest_U, unit_N, table.when_N)
    when_N = latest_U[unit_N]
    order = np.sort(when_N)[::-1]
    from_test = _begins(order, shares.test)
    is_test_N = when_N >= from_test
    rest = order[int(is_test_N.sum()) :]
    from_validation = _begins(rest, shares.validation * len(order) / max(len(rest), 1))
    is_validation_N = ~is_test_N & (when_N >= from_validation)
    parts = {
        "train": chosen(table, ~is_test_N & ~is_validation_N),
        "validation": chosen(table, is_validation_N),
        "test": chosen(table, is_test_N),
    }
    check_filled(parts, shares, why=lambda: _why(order))
    return parts


def _begins(latest_first_N: NDArray[np.float64], share: float) -> float:
    """The time from which on there is this share of rows, or a few more; infinite: none."""
    number = max(round(share * len(latest_first_N)), 1)
    is_asked = bool(share and len(latest_first_N))
    return float(latest_first_N[min(number, len(latest_first_N)) - 1]) if is_asked else np.inf


def _why(latest_first_N: NDArray[np.float64]) -> str:
    times = len(np.unique(latest_first_N))
    return (
        "rows of one time are not parted, nor rows with the same input or group "
        f"(different times: {times})"
    )
