"""How far off the numbers are, in their own unit; large errors count most."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from luthier.evaluation.metrics import metrics
from luthier.evaluation.metrics._mean import mean
from luthier.evaluation.metrics._moments import numbers
from luthier.evaluation.outcome import Frame, Outcome


@metrics.add
class Rmse:
    """Root of the mean squared error."""

    words: ClassVar[str] = "typical error of the numbers"
    higher_is_better: ClassVar[bool] = False
    is_share: ClassVar[bool] = False
    is_bounded: ClassVar[bool] = False
    per_row: ClassVar[bool] = False

    def fits(self, frame: Frame) -> bool:
        return frame.task == "number"

    def table(self, outcomes: Sequence[Outcome], frame: Frame) -> NDArray[np.float64]:
        del frame
        said_N, true_N = numbers(outcomes)
        return np.stack([(said_N - true_N) ** 2, np.ones_like(said_N)], axis=-1)

    def reduce(self, sums: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.sqrt(mean(sums))

    def details(self, outcomes: Sequence[Outcome], frame: Frame) -> dict[str, Any]:
        del outcomes, frame
        return {}
