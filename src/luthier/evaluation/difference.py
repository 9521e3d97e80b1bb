"""One metric on one arm, or its difference between two arms on the same rows, with interval."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from luthier.evaluation.alike import alike_interval
from luthier.evaluation.bootstrap import Spread, interval
from luthier.evaluation.mcnemar import mcnemar
from luthier.evaluation.metrics.contract import Metric
from luthier.evaluation.power import detectable, error_of
from luthier.evaluation.proportion import paired_difference, share_interval
from luthier.evaluation.results import Estimate
from luthier.evaluation.results import Outcome as Finding
from luthier.evaluation.swaps import swap_test

Table = NDArray[np.float64]
MIN_ROWS = 10
"""Fewer test rows than this decide nothing: an interval of so few is a guess."""
NO_SPREAD = 1e-9
"""Figures that differ by less do not differ."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How sure intervals are, and how they are drawn."""

    confidence: float
    num_resamples: int
    seed: int


@dataclass(frozen=True, slots=True)
class Difference:
    """First minus second, in the metric's own unit."""

    value: float
    low: float
    high: float
    n: int
    detectable: float
    p_value: float
    confidence: float

    @property
    def has_enough_rows(self) -> bool:
        return self.n >= MIN_ROWS

    @property
    def clears_zero(self) -> bool:
        """The whole interval lies on one side; one without width proves nothing."""
        return self.high - self.low > NO_SPREAD and not self.low <= 0 <= self.high

    @property
    def is_significant(self) -> bool:
        return self.p_value < 1 - self.confidence

    def outcome(self, *, higher_is_better: bool) -> Finding:
        """What interval and test say about the first; where they disagree, nothing is shown."""
        if not (self.has_enough_rows and self.clears_zero and self.is_significant):
            return "no_evidence"
        return "better" if (self.low > 0) == higher_is_better else "worse"


def estimate(metric: Metric, table: Table, settings: Settings) -> Estimate:
    """The figure of one arm with its interval; shares get Wilson's."""
    counted = _counted(table)
    if metric.is_share:
        right, total = table.sum(0)
        low, high = share_interval(right, int(total), confidence=settings.confidence)
        return Estimate(float(right / total), low, high, int(total))
    spread = _spread((table,), metric, settings)
    return Estimate(spread.value, spread.low, spread.high, counted)


def difference(metric: Metric, first: Table, second: Table, settings: Settings) -> Difference:
    """Paired difference of two arms over the same rows."""
    if metric.is_share:
        return _share_difference(first, second, settings)
    spread = _spread((first, second), metric, settings)
    p_value = swap_test(
        first, second, metric.reduce, num_resamples=settings.num_resamples, seed=settings.seed
    )
    return Difference(
        spread.value,
        spread.low,
        spread.high,
        _counted(first),
        detectable(spread.deviation, confidence=settings.confidence),
        p_value,
        settings.confidence,
    )


def flips(metric: Metric, tuned: Table, against: Table) -> dict[str, list[int]]:
    """Rows on which the first did better than the second ("fixed"), and worse ("broken").

    For scores of 0 and 1: right where the other is wrong.
    """
    if not metric.per_row:
        return {"fixed": [], "broken": []}
    sign = 1 if metric.higher_is_better else -1
    gained = sign * (_scores(tuned) - _scores(against))
    return {
        "fixed": [int(row) for row in np.flatnonzero(gained > 0)],
        "broken": [int(row) for row in np.flatnonzero(gained < 0)],
    }


def _share_difference(first: Table, second: Table, settings: Settings) -> Difference:
    total = int(first[:, 1].sum())
    fixed = int(((first[:, 0] > 0) & (second[:, 0] == 0)).sum())
    broken = int(((second[:, 0] > 0) & (first[:, 0] == 0)).sum())
    found = paired_difference(fixed, broken, total, confidence=settings.confidence)
    return Difference(
        found.value,
        found.low,
        found.high,
        total,
        detectable(found.deviation, confidence=settings.confidence),
        mcnemar(fixed, broken),
        settings.confidence,
    )


def _spread(tables: tuple[Table, ...], metric: Metric, settings: Settings) -> Spread:
    counts_N = np.any([table.any(1) for table in tables], axis=0)
    tables = tuple(table[counts_N] for table in tables) if counts_N.any() else tables
    found = interval(
        tables,
        metric.reduce,
        confidence=settings.confidence,
        num_resamples=settings.num_resamples,
        seed=settings.seed,
    )
    if found.deviation > NO_SPREAD or not metric.is_bounded:
        return found
    low, high = alike_interval(
        found.value,
        len(tables[0]),
        lowest=0.0 if len(tables) == 1 else -1.0,
        confidence=settings.confidence,
    )
    return replace(
        found, low=low, high=high, deviation=error_of(low, high, confidence=settings.confidence)
    )


def _counted(table: Table) -> int:
    return (
        int((np.abs(table).sum(1) > 0).sum())
        if table.shape[1] != 2
        else int((table[:, 1] > 0).sum())
    )


def _scores(table: Table) -> Table:
    return table[:, 0] / np.where(table[:, 1] > 0, table[:, 1], np.nan)
