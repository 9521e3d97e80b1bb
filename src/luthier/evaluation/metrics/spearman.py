"""How far the order of the numbers is the true one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from luthier.evaluation.metrics import metrics
from luthier.evaluation.metrics._moments import correlation, moments, numbers
from luthier.evaluation.outcome import Frame, Outcome


@metrics.add
class Spearman:
    """Pearson's correlation of the ranks among all test rows; equal numbers share their mean rank.

    Agrees with scipy.stats.spearmanr. Resamples keep the ranks of all rows.
    """

    words: ClassVar[str] = "agreement of the order with the true one (Spearman)"
    higher_is_better: ClassVar[bool] = True
    is_share: ClassVar[bool] = False
    is_bounded: ClassVar[bool] = False
    per_row: ClassVar[bool] = False

    def fits(self, frame: Frame) -> bool:
        return frame.task == "number"

    def table(self, outcomes: Sequence[Outcome], frame: Frame) -> NDArray[np.float64]:
        del frame
        said_N, true_N = numbers(outcomes)
        return moments(rankdata(said_N), rankdata(true_N))

    def reduce(self, sums: NDArray[np.float64]) -> NDArray[np.float64]:
        return correlation(sums)

    def details(self, outcomes: Sequence[Outcome], frame: Frame) -> dict[str, Any]:
        del outcomes, frame
        return {}
