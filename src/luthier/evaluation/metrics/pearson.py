"""How far the numbers lie on a line with the true ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from luthier.evaluation.metrics import metrics
from luthier.evaluation.metrics._moments import correlation, moments, numbers
from luthier.evaluation.outcome import Frame, Outcome


@metrics.add
class Pearson:
    """Pearson's correlation; a constant answer has none, and scores 0.

    Agrees with scipy.stats.pearsonr.
    """

    words: ClassVar[str] = "agreement with the true numbers (Pearson)"
    higher_is_better: ClassVar[bool] = True
    is_share: ClassVar[bool] = False
    is_bounded: ClassVar[bool] = False
    per_row: ClassVar[bool] = False

    def fits(self, frame: Frame) -> bool:
        return frame.task == "number"

    def table(self, outcomes: Sequence[Outcome], frame: Frame) -> NDArray[np.float64]:
        del frame
        said_N, true_N = numbers(outcomes)
        return moments(said_N, true_N)

    def reduce(self, sums: NDArray[np.float64]) -> NDArray[np.float64]:
        return correlation(sums)

    def details(self, outcomes: Sequence[Outcome], frame: Frame) -> dict[str, Any]:
        del outcomes, frame
        return {}
