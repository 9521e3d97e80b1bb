"""How unlikely the model finds the target, per token."""

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
class Nll:
    """Nats per trained token of the target; exp of it is the perplexity."""

    words: ClassVar[str] = "surprise at the target in nats per token"
    higher_is_better: ClassVar[bool] = False
    is_share: ClassVar[bool] = False
    is_bounded: ClassVar[bool] = False
    per_row: ClassVar[bool] = True

    def fits(self, frame: Frame) -> bool:
        return frame.task in ("answer", "read")

    def table(self, outcomes: Sequence[Outcome], frame: Frame) -> NDArray[np.float64]:
        del frame
        lines = [
            (0.0, 0.0) if math.isnan(item.nll) else (item.nll, item.tokens) for item in outcomes
        ]
        return np.array(lines, np.float64).reshape(-1, 2)

    def reduce(self, sums: NDArray[np.float64]) -> NDArray[np.float64]:
        return mean(sums)

    def details(self, outcomes: Sequence[Outcome], frame: Frame) -> dict[str, Any]:
        del outcomes, frame
        return {}
