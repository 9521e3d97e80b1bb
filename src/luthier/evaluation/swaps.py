"""Are two arms different by more than chance? The test that swaps their answers, row by row.

Legend: N rows, K summed columns, S sets of swaps.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from luthier.core.seeds import derive
from luthier.evaluation.bootstrap import CHUNK_ELEMENTS, Reduce

MAX_LISTED = 11
"""Up to so many rows that differ, every set of swaps is looked at: 2,048 at most."""
ROUNDING = 1e-9
"""Sums in another order may miss the difference found by so little, relatively."""

Table = NDArray[np.float64]


def swap_test(
    first: Table, second: Table, reduce: Reduce, *, num_resamples: int, seed: int
) -> float:
    """Two-sided p-value of `reduce(first sums) - reduce(second sums)` over the same rows.

    Were the two arms equally good, either answer to a row could have come from either of them; the
    p-value is the share of such swaps that give a difference as large as the one found. For scores
    of 0 and 1 this is McNemar's exact test.

    Shapes: both tables (N, K), one line per row.
    Source: Fisher 1935, The Design of Experiments, section 21; Noreen 1989, Computer-Intensive
    Methods for Testing Hypotheses, chapter 2, for figures that are no sums. Drawn swaps count what
    was found among them: Phipson and Smyth 2010, doi:10.2202/1544-6115.1585.
    """
    apart_N = (first != second).any(1)
    if not apart_N.any():
        return 1.0
    first_K, second_K = first.sum(0), second.sum(0)
    gap_NK = (first - second)[apart_N]

    def differences(stays_SN: Table) -> Table:
        moved_SK = stays_SN @ gap_NK
        return np.abs(reduce(second_K + moved_SK) - reduce(first_K - moved_SK))

    found = float(differences(np.ones((1, len(gap_NK))))[0]) * (1 - ROUNDING)
    is_listed = len(gap_NK) <= MAX_LISTED
    sets = _all(len(gap_NK)) if is_listed else _drawn(len(gap_NK), num_resamples, seed)
    extreme, number = 0, 0
    for stays_SN in sets:
        extreme += int((differences(stays_SN) >= found).sum())
        number += len(stays_SN)
    return extreme / number if is_listed else (extreme + 1) / (number + 1)


def _all(num_rows: int) -> Iterator[Table]:
    """Every way to swap (1: stays, 0: is swapped)."""
    yield (np.arange(2**num_rows)[:, None] >> np.arange(num_rows) & 1).astype(np.float64)


def _drawn(num_rows: int, number: int, seed: int) -> Iterator[Table]:
    generator = np.random.default_rng(derive(seed, "swaps"))
    size = max(1, CHUNK_ELEMENTS // num_rows)
    for start in range(0, number, size):
        shape = (min(size, number - start), num_rows)
        yield generator.integers(0, 2, shape).astype(np.float64)
