"""Share of questions answered in the right words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from luthier.evaluation.metrics import metrics
from luthier.evaluation.metrics._mean import mean, written
from luthier.evaluation.metrics._squad import best, match
from luthier.evaluation.outcome import Frame, Outcome


@metrics.add
class AnswerMatch:
    """1 where the answer is one of the right ones (SQuAD's exact match)."""

    words: ClassVar[str] = "share of questions answered exactly"
    higher_is_better: ClassVar[bool] = True
    is_share: ClassVar[bool] = True
    is_bounded: ClassVar[bool] = True
    per_row: ClassVar[bool] = True

    def fits(self, frame: Frame) -> bool:
        return frame.task == "find"

    def table(self, outcomes: Sequence[Outcome], frame: Frame) -> NDArray[np.float64]:
        del frame
        return written(outcomes, lambda item: best(item.text, item.target, match))

    def reduce(self, sums: NDArray[np.float64]) -> NDArray[np.float64]:
        return mean(sums)

    def details(self, outcomes: Sequence[Outcome], frame: Frame) -> dict[str, Any]:
        del outcomes, frame
        return {}
