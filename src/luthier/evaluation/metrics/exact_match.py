"""Share of answers that are the target, word for word."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from luthier.evaluation.confusion import confusion, per_class
from luthier.evaluation.metrics import metrics
from luthier.evaluation.metrics._mean import mean, written
from luthier.evaluation.outcome import Frame, Outcome
from luthier.evaluation.text import is_same, json_object, normalised


@metrics.add
class ExactMatch:
    """1 where answer and target are equal after `text.normalised` (case, white space, outer quotes
    and a final full stop do not count); JSON objects are compared as values."""

    words: ClassVar[str] = "share of answers exactly right"
    higher_is_better: ClassVar[bool] = True
    is_share: ClassVar[bool] = True
    is_bounded: ClassVar[bool] = True
    per_row: ClassVar[bool] = True

    def fits(self, frame: Frame) -> bool:
        return frame.task == "answer"

    def table(self, outcomes: Sequence[Outcome], frame: Frame) -> NDArray[np.float64]:
        del frame
        return written(outcomes, _is_match)

    def reduce(self, sums: NDArray[np.float64]) -> NDArray[np.float64]:
        return mean(sums)

    def details(self, outcomes: Sequence[Outcome], frame: Frame) -> dict[str, Any]:
        if not frame.classes:
            return {}
        return {"confusion": confusion(outcomes, frame), "classes": per_class(outcomes, frame)}


def _is_match(item: Outcome) -> float:
    wanted = json_object(item.target)
    if wanted is None:
        return float(normalised(item.text) == normalised(item.target))
    found = json_object(item.text)
    return float(
        found is not None
        and found.keys() == wanted.keys()
        and all(is_same(found[key], value) for key, value in wanted.items())
    )
