"""What the grader gave."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from luthier.evaluation.metrics import metrics
from luthier.evaluation.metrics._mean import mean, written
from luthier.evaluation.outcome import Frame, Outcome


@metrics.add
class Score:
    """Mean score of the answers, as the grader of the objective gives them."""

    words: ClassVar[str] = "mean score of the answers"
    higher_is_better: ClassVar[bool] = True
    is_share: ClassVar[bool] = False
    is_bounded: ClassVar[bool] = False
    per_row: ClassVar[bool] = True

    def fits(self, frame: Frame) -> bool:
        return frame.task == "graded"

    def table(self, outcomes: Sequence[Outcome], frame: Frame) -> NDArray[np.float64]:
        del frame
        return written(outcomes, lambda item: item.score)

    def reduce(self, sums: NDArray[np.float64]) -> NDArray[np.float64]:
        return mean(sums)

    def details(self, outcomes: Sequence[Outcome], frame: Frame) -> dict[str, Any]:
        del outcomes, frame
        return {}
