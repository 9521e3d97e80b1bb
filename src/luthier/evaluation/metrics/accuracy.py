"""Share of rows whose class is named right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from luthier.evaluation.confusion import confusion, per_class
from luthier.evaluation.metrics import metrics
from luthier.evaluation.metrics._mean import mean, written
from luthier.evaluation.outcome import Frame, Outcome


@metrics.add
class Accuracy:
    """1 where the named class is the target."""

    words: ClassVar[str] = "share of rows labelled right"
    higher_is_better: ClassVar[bool] = True
    is_share: ClassVar[bool] = True
    is_bounded: ClassVar[bool] = True
    per_row: ClassVar[bool] = True

    def fits(self, frame: Frame) -> bool:
        return frame.task in ("label", "rate")

    def table(self, outcomes: Sequence[Outcome], frame: Frame) -> NDArray[np.float64]:
        del frame
        return written(outcomes, lambda item: float(item.text == item.target))

    def reduce(self, sums: NDArray[np.float64]) -> NDArray[np.float64]:
        return mean(sums)

    def details(self, outcomes: Sequence[Outcome], frame: Frame) -> dict[str, Any]:
        return {"confusion": confusion(outcomes, frame), "classes": per_class(outcomes, frame)}
