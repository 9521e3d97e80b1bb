"""How well the best ten documents of a query are ordered (nDCG@10)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import ndcg_score

from luthier.evaluation.metrics import metrics
from luthier.evaluation.metrics._mean import mean
from luthier.evaluation.metrics._queries import by_query
from luthier.evaluation.outcome import Frame, Outcome

TOP = 10


@metrics.add
class Ndcg:
    """Gain of the first ten, halved the slower the further down, over that of the best order.

    Source: Järvelin and Kekäläinen 2002, doi:10.1145/582415.582418; the gain is the score itself,
    and documents with equal scores share the gain of their places (McSherry and Najork 2008).
    """

    words: ClassVar[str] = "quality of the order of documents (nDCG@10)"
    higher_is_better: ClassVar[bool] = True
    is_share: ClassVar[bool] = False
    is_bounded: ClassVar[bool] = True
    per_row: ClassVar[bool] = False

    def fits(self, frame: Frame) -> bool:
        return frame.task == "order"

    def table(self, outcomes: Sequence[Outcome], frame: Frame) -> NDArray[np.float64]:
        return by_query(outcomes, frame, lambda said, true: ndcg_score([true], [said], k=TOP))

    def reduce(self, sums: NDArray[np.float64]) -> NDArray[np.float64]:
        return mean(sums)

    def details(self, outcomes: Sequence[Outcome], frame: Frame) -> dict[str, Any]:
        return {"queries": int(self.table(outcomes, frame)[:, 1].sum())}
