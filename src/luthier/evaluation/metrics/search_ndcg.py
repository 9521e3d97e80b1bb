"""How well the best ten texts of an anchor are ordered (nDCG@10)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from luthier.evaluation.metrics import metrics
from luthier.evaluation.metrics._mean import mean
from luthier.evaluation.metrics._places import by_anchor
from luthier.evaluation.outcome import Frame, Outcome

TOP = 10


@metrics.add
class SearchNdcg:
    """Gain of the right texts among the first ten, over that of the best order; every right text
    counts 1.

    Source: Järvelin and Kekäläinen 2002, doi:10.1145/582415.582418.
    """

    words: ClassVar[str] = "quality of the first ten texts found (nDCG@10)"
    higher_is_better: ClassVar[bool] = True
    is_share: ClassVar[bool] = False
    is_bounded: ClassVar[bool] = True
    per_row: ClassVar[bool] = True

    def fits(self, frame: Frame) -> bool:
        return frame.task == "search"

    def table(self, outcomes: Sequence[Outcome], frame: Frame) -> NDArray[np.float64]:
        del frame
        return by_anchor(outcomes, _ndcg)

    def reduce(self, sums: NDArray[np.float64]) -> NDArray[np.float64]:
        return mean(sums)

    def details(self, outcomes: Sequence[Outcome], frame: Frame) -> dict[str, Any]:
        del outcomes, frame
        return {}


def _ndcg(ranks: Sequence[int]) -> float:
    gained = sum(1 / math.log2(rank + 1) for rank in ranks if rank <= TOP)
    return gained / sum(1 / math.log2(place + 1) for place in range(1, min(TOP, len(ranks)) + 1))
