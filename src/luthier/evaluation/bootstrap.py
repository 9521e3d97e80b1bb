"""Intervals by resampling rows, for any figure that is a function of sums over rows.

Legend: N rows, K summed columns, R resamples.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri, stdtrit

from luthier.core.seeds import derive

Reduce = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""Column sums (..., K) to figures (...)."""
CHUNK_ELEMENTS = 4_000_000


@dataclass(frozen=True, slots=True)
class Spread:
    """A figure, its interval, and the standard deviation of its resampled values."""

    value: float
    low: float
    high: float
    deviation: float


def interval(
    tables: tuple[NDArray[np.float64], ...],
    reduce: Reduce,
    *,
    confidence: float,
    num_resamples: int,
    seed: int,
) -> Spread:
    """Bias-corrected accelerated interval of `reduce(sums)`; given two tables, of the paired
    difference `reduce(first) - reduce(second)` with the same rows drawn from both.

    Shapes: every table (N, K), one line per row.
    Source: Efron 1987, Journal of the American Statistical Association 82, section 3; the
    acceleration from the jackknife. Falls back to the percentile interval where the correction is
    not finite. The levels are widened for few rows: Hesterberg 2015, arXiv:1411.5279, section 5.
    """
    value = float(_figure(tables, reduce, [table.sum(0) for table in tables]))
    draws_R = _resampled(tables, reduce, num_resamples=num_resamples, seed=seed)
    left_out_N = _figure(tables, reduce, [table.sum(0) - table for table in tables])
    levels = _levels(draws_R, left_out_N, value, confidence)
    low, high = (float(bound) for bound in np.quantile(draws_R, levels))
    deviation = float(draws_R.std(ddof=1))
    return Spread(value, min(low, value), max(high, value), deviation)


def _figure(
    tables: tuple[NDArray[np.float64], ...], reduce: Reduce, sums: list[NDArray[np.float64]]
) -> NDArray[np.float64]:
    figures = [reduce(item) for item in sums]
    return figures[0] if len(tables) == 1 else figures[0] - figures[1]


def _resampled(
    tables: tuple[NDArray[np.float64], ...], reduce: Reduce, *, num_resamples: int, seed: int
) -> NDArray[np.float64]:
    num_rows = len(tables[0])
    generator = np.random.default_rng(derive(seed, "bootstrap"))
    shares = np.full(num_rows, 1 / num_rows)
    size = max(1, CHUNK_ELEMENTS // num_rows)
    found: list[NDArray[np.float64]] = []
    for start in range(0, num_resamples, size):
        counts_RN = generator.multinomial(num_rows, shares, size=min(size, num_resamples - start))
        counts_RN = counts_RN.astype(np.float64)
        found.append(_figure(tables, reduce, [counts_RN @ table for table in tables]))
    return np.concatenate(found)


def _levels(
    draws_R: NDArray[np.float64], left_out_N: NDArray[np.float64], value: float, confidence: float
) -> tuple[float, float]:
    """The two quantiles of the draws between which the interval lies."""
    quantiles = _expanded(confidence, len(left_out_N))
    tails = float(ndtr(quantiles[0])), float(ndtr(quantiles[1]))
    share = float((draws_R < value).mean() + (draws_R == value).mean() / 2)
    away_N = left_out_N.mean() - left_out_N
    spread = float((away_N**2).sum())
    if not 0 < share < 1 or spread <= 0:
        return tails
    bias = float(ndtri(share))
    acceleration = float((away_N**3).sum()) / (6 * spread**1.5)
    shifted = [bias + quantile for quantile in quantiles]
    levels = [float(ndtr(bias + z / (1 - acceleration * z))) for z in shifted]
    return (levels[0], levels[1]) if levels[0] < levels[1] else tails


def _expanded(confidence: float, num_rows: int) -> tuple[float, float]:
    """The two quantiles of a t interval, on the scale of resampled means.

    Resampled means of N rows spread by sqrt((N - 1) / N) less than means do, and their normal
    quantiles leave out that the spread itself is estimated.
    """
    freedom = max(1, num_rows - 1)
    quantile = float(stdtrit(freedom, (1 + confidence) / 2))
    wide = quantile * ((freedom + 1) / freedom) ** 0.5
    return -wide, wide
