"""Share of rows whose better answer is told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from luthier.evaluation.metrics import metrics
from luthier.evaluation.metrics._mean import mean, written
from luthier.evaluation.outcome import Frame, Outcome


@metrics.add
class PreferenceAccuracy:
    """1 where the chosen answer is ahead; a tie is not."""

    words: ClassVar[str] = "share of pairs whose better answer is told"
    higher_is_better: ClassVar[bool] = True
    is_share: ClassVar[bool] = True
    is_bounded: ClassVar[bool] = True
    per_row: ClassVar[bool] = True

    def fits(self, frame: Frame) -> bool:
        return frame.task == "prefer"

    def table(self, outcomes: Sequence[Outcome], frame: Frame) -> NDArray[np.float64]:
        del frame
        return written(outcomes, lambda item: float(item.probabilities[0] > 0.5))

    def reduce(self, sums: NDArray[np.float64]) -> NDArray[np.float64]:
        return mean(sums)

    def details(self, outcomes: Sequence[Outcome], frame: Frame) -> dict[str, Any]:
        del outcomes, frame
        return {}
