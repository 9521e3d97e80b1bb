"""How far stated probabilities are from how often they come true."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from luthier.evaluation.metrics import metrics
from luthier.evaluation.outcome import Frame, Outcome

NUM_BINS = 10


@metrics.add
class Calibration:
    """Expected calibration error over ten equal bins of the top probability; 0 is perfect.

    Source: Guo et al. 2017, arXiv:1706.04599, equation 3.
    """

    words: ClassVar[str] = "gap between stated confidence and being right"
    higher_is_better: ClassVar[bool] = False
    is_share: ClassVar[bool] = False
    is_bounded: ClassVar[bool] = True
    per_row: ClassVar[bool] = False

    def fits(self, frame: Frame) -> bool:
        return frame.task == "label"

    def table(self, outcomes: Sequence[Outcome], frame: Frame) -> NDArray[np.float64]:
        del frame
        found = np.zeros((len(outcomes), 3, NUM_BINS))
        for line, item in zip(found, outcomes, strict=True):
            if not item.probabilities:
                continue
            confidence = max(item.probabilities)
            place = min(int(confidence * NUM_BINS), NUM_BINS - 1)
            line[:, place] = confidence, float(item.text == item.target), 1.0
        return found.reshape(len(outcomes), -1)

    def reduce(self, sums: NDArray[np.float64]) -> NDArray[np.float64]:
        confidence, right, count = np.split(sums, 3, axis=-1)
        total = np.maximum(count.sum(-1), 1.0)
        return np.abs(confidence - right).sum(-1) / total

    def details(self, outcomes: Sequence[Outcome], frame: Frame) -> dict[str, Any]:
        sums = self.table(outcomes, frame).sum(0)
        bins = [
            {"confidence": total / count, "accuracy": right / count, "n": int(count)}
            for total, right, count in sums.reshape(3, NUM_BINS).T.tolist()
            if count
        ]
        return {"calibration": {"error": float(self.reduce(sums)), "bins": bins}}
