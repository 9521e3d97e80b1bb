"""One metric on one arm, or its difference between two arms on the same rows, with interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from luthier.evaluation.bootstrap import Spread, interval
from luthier.evaluation.mcnemar import mcnemar
from luthier.evaluation.metrics.contract import Metric
from luthier.evaluation.outcome import Frame, Outcome
from luthier.evaluation.power import detectable
from luthier.evaluation.proportion import paired_difference, share_interval
from luthier.evaluation.results import Estimate
from luthier.evaluation.results import Outcome as Finding

Table = NDArray[np.float64]


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

    def outcome(self, *, higher_is_better: bool) -> Finding:
        """What the interval says about the first."""
        if self.low <= 0 <= self.high:
            return "no_evidence"
        return "better" if (self.low > 0) == higher_is_better else "worse"


def tables_of(metric: Metric, outcomes: Sequence[Outcome], frame: Frame) -> Table:
    """The metric's table over these rows."""
    return metric.table(outcomes, frame)


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
    least = detectable(spread.deviation, confidence=settings.confidence)
    num_rows = _counted(first)
    return Difference(spread.value, spread.low, spread.high, num_rows, least, spread.p_value)


def flips(metric: Metric, tuned: Table, against: Table) -> dict[str, list[int]]:
    """Rows that the first got right and the second did not ("fixed"), and the other way round.

    Right means the best possible score; for a metric without one, the better of the two.
    """
    if not metric.per_row:
        return {"fixed": [], "broken": []}
    first, second = _scores(tuned), _scores(against)
    if metric.higher_is_better:
        fixed, broken = (first >= 1) & (second < 1), (second >= 1) & (first < 1)
    else:
        fixed, broken = first < second, first > second
    return {
        "fixed": [int(row) for row in np.flatnonzero(fixed)],
        "broken": [int(row) for row in np.flatnonzero(broken)],
    }


def _share_difference(first: Table, second: Table, settings: Settings) -> Difference:
    total = int(first[:, 1].sum())
    fixed = int(((first[:, 0] > 0) & (second[:, 0] == 0)).sum())
    broken = int(((second[:, 0] > 0) & (first[:, 0] == 0)).sum())
    found = paired_difference(fixed, broken, total, confidence=settings.confidence)
    least = detectable(found.deviation, confidence=settings.confidence)
    p_value = mcnemar(fixed, broken)
    return Difference(found.value, found.low, found.high, total, least, p_value)


def _spread(tables: tuple[Table, ...], metric: Metric, settings: Settings) -> Spread:
    return interval(
        tables,
        metric.reduce,
        confidence=settings.confidence,
        num_resamples=settings.num_resamples,
        seed=settings.seed,
    )


def _counted(table: Table) -> int:
    return (
        int((np.abs(table).sum(1) > 0).sum())
        if table.shape[1] != 2
        else int((table[:, 1] > 0).sum())
    )


def _scores(table: Table) -> Table:
    return table[:, 0] / np.where(table[:, 1] > 0, table[:, 1], np.nan)
