"""F1 over all decisions for a label, whichever it is (micro)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from luthier.evaluation.metrics import metrics
from luthier.evaluation.metrics._label_sets import counts, f1
from luthier.evaluation.outcome import Frame, Outcome


@metrics.add
class LabelF1:
    """2 right / (named + true), over all rows and labels.

    Agrees with sklearn.metrics.f1_score(average="micro", zero_division=0).
    """

    words: ClassVar[str] = "quality of the labels given (F1)"
    higher_is_better: ClassVar[bool] = True
    is_share: ClassVar[bool] = False
    is_bounded: ClassVar[bool] = True
    per_row: ClassVar[bool] = False

    def fits(self, frame: Frame) -> bool:
        return frame.task == "labels"

    def table(self, outcomes: Sequence[Outcome], frame: Frame) -> NDArray[np.float64]:
        # a row without labels counts too: giving none there is right
        return np.column_stack([counts(outcomes, frame).sum(-1), np.ones(len(outcomes))])

    def reduce(self, sums: NDArray[np.float64]) -> NDArray[np.float64]:
        return f1(sums[..., 0], sums[..., 1] + sums[..., 2])

    def details(self, outcomes: Sequence[Outcome], frame: Frame) -> dict[str, Any]:
        right_C, named_C, true_C = counts(outcomes, frame).sum(0)
        found = {
            name: {
                "precision": float(right_C[at] / named_C[at]) if named_C[at] else 0.0,
                "recall": float(right_C[at] / true_C[at]) if true_C[at] else 0.0,
                "f1": float(f1(right_C[at], named_C[at] + true_C[at])),
                "rows": float(true_C[at]),
            }
            for at, name in enumerate(frame.classes)
        }
        return {"classes": found}
