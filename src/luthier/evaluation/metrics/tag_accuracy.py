"""Share of words whose tag is right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from luthier.evaluation.metrics import metrics
from luthier.evaluation.metrics._mean import mean
from luthier.evaluation.outcome import Frame, Outcome


@metrics.add
class TagAccuracy:
    """Most words are no part of any entity, so that even naming none scores high."""

    words: ClassVar[str] = "share of words tagged right"
    higher_is_better: ClassVar[bool] = True
    is_share: ClassVar[bool] = False
    is_bounded: ClassVar[bool] = True
    per_row: ClassVar[bool] = True

    def fits(self, frame: Frame) -> bool:
        return frame.task == "entities"

    def table(self, outcomes: Sequence[Outcome], frame: Frame) -> NDArray[np.float64]:
        del frame
        lines: list[tuple[int, int]] = []
        for item in outcomes:
            found, true = item.text.split(), item.target.split()
            lines.append((sum(map(str.__eq__, found, true)), len(true)))
        return np.array(lines, np.float64).reshape(-1, 2)

    def reduce(self, sums: NDArray[np.float64]) -> NDArray[np.float64]:
        return mean(sums)

    def details(self, outcomes: Sequence[Outcome], frame: Frame) -> dict[str, Any]:
        del outcomes, frame
        return {}
