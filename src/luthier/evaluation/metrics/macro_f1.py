"""F1 averaged over classes, so that rare classes count as much as frequent ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from luthier.evaluation.metrics import metrics
from luthier.evaluation.outcome import Frame, Outcome


@metrics.add
class MacroF1:
    """Mean over the classes that occur of 2 right / (named + true).

    Agrees with sklearn.metrics.f1_score(average="macro", zero_division=0).
    """

    words: ClassVar[str] = "label quality, every class counting alike (macro F1)"
    higher_is_better: ClassVar[bool] = True
    is_share: ClassVar[bool] = False
    is_bounded: ClassVar[bool] = True
    per_row: ClassVar[bool] = False

    def fits(self, frame: Frame) -> bool:
        return len(frame.classes) > 1 and frame.task in ("answer", "label")

    def table(self, outcomes: Sequence[Outcome], frame: Frame) -> NDArray[np.float64]:
        places = {frame.key(name): index for index, name in enumerate(frame.classes)}
        found = np.zeros((len(outcomes), 3, len(frame.classes)))
        for line, item in zip(found, outcomes, strict=True):
            named, true = places.get(frame.key(item.text)), places.get(frame.key(item.target))
            if not item.has_text:
                continue
            if named is not None:
                line[1, named] = 1
            if true is not None:
                line[2, true] = 1
            if named is not None and named == true:
                line[0, named] = 1
        return found.reshape(len(outcomes), -1)

    def reduce(self, sums: NDArray[np.float64]) -> NDArray[np.float64]:
        right, named, true = np.split(sums, 3, axis=-1)
        seen = named + true > 0
        f1 = 2 * right / np.where(seen, named + true, 1.0)
        return f1.sum(-1) / np.maximum(seen.sum(-1), 1)

    def details(self, outcomes: Sequence[Outcome], frame: Frame) -> dict[str, Any]:
        del outcomes, frame
        return {}
