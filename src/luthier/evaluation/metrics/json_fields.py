"""Share of the target's JSON fields that the answer has right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from luthier.evaluation.metrics import metrics
from luthier.evaluation.metrics._mean import mean, written
from luthier.evaluation.outcome import Frame, Outcome
from luthier.evaluation.text import is_same, json_object, leaves


@metrics.add
class JsonFields:
    """Per row: fields with the right value over fields that stand in the target or in the answer.

    An answer that is no JSON object scores 0; nested fields count one by one."""

    words: ClassVar[str] = "share of fields filled in right"
    higher_is_better: ClassVar[bool] = True
    is_share: ClassVar[bool] = False
    is_bounded: ClassVar[bool] = True
    per_row: ClassVar[bool] = True

    def fits(self, frame: Frame) -> bool:
        return frame.task == "answer" and frame.is_json

    def table(self, outcomes: Sequence[Outcome], frame: Frame) -> NDArray[np.float64]:
        del frame
        return written(outcomes, _share)

    def reduce(self, sums: NDArray[np.float64]) -> NDArray[np.float64]:
        return mean(sums)

    def details(self, outcomes: Sequence[Outcome], frame: Frame) -> dict[str, Any]:
        del frame
        found: dict[str, list[float]] = {}
        for item in outcomes:
            wanted, answer = _fields(item)
            for name, value in wanted.items():
                hit = name in answer and is_same(answer[name], value)
                found.setdefault(name, []).append(float(hit))
        return {"fields": {name: sum(hits) / len(hits) for name, hits in found.items()}}


def _fields(item: Outcome) -> tuple[dict[str, Any], dict[str, Any]]:
    return leaves(json_object(item.target) or {}), leaves(json_object(item.text) or {})


def _share(item: Outcome) -> float:
    wanted, answer = _fields(item)
    right = sum(name in answer and is_same(answer[name], value) for name, value in wanted.items())
    return right / max(1, len(wanted.keys() | answer.keys()))
