"""How much of the target's wording the answer shares, in order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from rouge_score.rouge_scorer import RougeScorer

from luthier.core.words import Words
from luthier.evaluation.metrics import metrics
from luthier.evaluation.metrics._mean import mean, written
from luthier.evaluation.outcome import Frame, Outcome


@metrics.add
class RougeL:
    """F-measure of the longest common subsequence of words.

    Source: Lin 2004, ROUGE, section 3; computed by the rouge-score package without stemming.
    Its own words are those of a to z alone; ours are of any script, and the same for ASCII."""

    words: ClassVar[str] = "overlap with the target's wording"
    higher_is_better: ClassVar[bool] = True
    is_share: ClassVar[bool] = False
    is_bounded: ClassVar[bool] = True
    per_row: ClassVar[bool] = True

    def fits(self, frame: Frame) -> bool:
        return frame.task == "answer" and not frame.is_json and not frame.classes

    def table(self, outcomes: Sequence[Outcome], frame: Frame) -> NDArray[np.float64]:
        del frame
        scorer = RougeScorer(["rougeL"], tokenizer=Words())
        return written(
            outcomes, lambda item: float(scorer.score(item.target, item.text)["rougeL"].fmeasure)
        )

    def reduce(self, sums: NDArray[np.float64]) -> NDArray[np.float64]:
        return mean(sums)

    def details(self, outcomes: Sequence[Outcome], frame: Frame) -> dict[str, Any]:
        del outcomes, frame
        return {}
