"""Share of rows whose better answer is the likelier one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from luthier.evaluation.metrics import metrics
from luthier.evaluation.metrics._mean import mean
from luthier.evaluation.outcome import Frame, Outcome


@metrics.add
class LikelihoodAccuracy:
    """1 where the model gives the chosen answer the higher log-likelihood: what it would rather
    write, whatever it thought before training."""

    words: ClassVar[str] = "share of pairs whose better answer is the likelier one"
    higher_is_better: ClassVar[bool] = True
    is_share: ClassVar[bool] = True
    is_bounded: ClassVar[bool] = True
    per_row: ClassVar[bool] = True

    def fits(self, frame: Frame) -> bool:
        return frame.task == "prefer"

    def table(self, outcomes: Sequence[Outcome], frame: Frame) -> NDArray[np.float64]:
        del frame
        lines = [(float(item.score > 0), float(not math.isnan(item.score))) for item in outcomes]
        return np.array(lines, np.float64).reshape(-1, 2)

    def reduce(self, sums: NDArray[np.float64]) -> NDArray[np.float64]:
        return mean(sums)

    def details(self, outcomes: Sequence[Outcome], frame: Frame) -> dict[str, Any]:
        del outcomes, frame
        return {}
