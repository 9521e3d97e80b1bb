"""How far up the first relevant document of a query stands (MRR@10)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from luthier.evaluation.metrics import metrics
from luthier.evaluation.metrics._mean import mean
from luthier.evaluation.metrics._queries import by_query
from luthier.evaluation.outcome import Frame, Outcome

TOP = 10


@metrics.add
class Mrr:
    """1 / rank of the first relevant document, over queries, 0 where it is not among the first ten;
    among documents with equal scores it stands in the middle.

    Source: Bajaj et al. 2016, arXiv:1611.09268, where MS MARCO is judged by it.
    """

    words: ClassVar[str] = "how far up the first right document stands (MRR@10)"
    higher_is_better: ClassVar[bool] = True
    is_share: ClassVar[bool] = False
    is_bounded: ClassVar[bool] = True
    per_row: ClassVar[bool] = False

    def fits(self, frame: Frame) -> bool:
        return frame.task == "order"

    def table(self, outcomes: Sequence[Outcome], frame: Frame) -> NDArray[np.float64]:
        return by_query(outcomes, frame, _reciprocal)

    def reduce(self, sums: NDArray[np.float64]) -> NDArray[np.float64]:
        return mean(sums)

    def details(self, outcomes: Sequence[Outcome], frame: Frame) -> dict[str, Any]:
        del outcomes, frame
        return {}


def _reciprocal(said: NDArray[np.float64], true: NDArray[np.float64]) -> float:
    best = said[true > 0].max()
    others = said[true <= 0]
    rank = 1.0 + float((others > best).sum()) + 0.5 * float((others == best).sum())
    return 1.0 / rank if rank <= TOP else 0.0
