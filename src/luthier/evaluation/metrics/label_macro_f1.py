"""F1 averaged over labels, so that rare ones count as much as frequent ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from luthier.evaluation.metrics import metrics
from luthier.evaluation.metrics._label_sets import counts, f1
from luthier.evaluation.outcome import Frame, Outcome


@metrics.add
class LabelMacroF1:
    """Mean over the labels of 2 right / (named + true).

    Agrees with sklearn.metrics.f1_score(average="macro", zero_division=0) over the labels that
    occur in a row or an answer.
    """

    words: ClassVar[str] = "label quality, every label counting alike (macro F1)"
    higher_is_better: ClassVar[bool] = True
    is_share: ClassVar[bool] = False
    is_bounded: ClassVar[bool] = True
    per_row: ClassVar[bool] = False

    def fits(self, frame: Frame) -> bool:
        return frame.task == "labels"

    def table(self, outcomes: Sequence[Outcome], frame: Frame) -> NDArray[np.float64]:
        found = counts(outcomes, frame).reshape(len(outcomes), -1)
        return np.column_stack([found, np.ones(len(outcomes))])

    def reduce(self, sums: NDArray[np.float64]) -> NDArray[np.float64]:
        right, named, true = np.split(sums[..., :-1], 3, axis=-1)
        seen = (named + true > 0).sum(-1)
        return f1(right, named + true).sum(-1) / np.maximum(seen, 1)

    def details(self, outcomes: Sequence[Outcome], frame: Frame) -> dict[str, Any]:
        del outcomes, frame
        return {}
