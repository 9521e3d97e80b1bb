"""Always the most frequent training answer: what knowing nothing is worth."""

from __future__ import annotations

from collections import Counter
from typing import ClassVar

from luthier.evaluation.arms import arms
from luthier.evaluation.arms.contract import Standing
from luthier.evaluation.bench import Bench
from luthier.evaluation.frame import target_of
from luthier.evaluation.outcome import Outcome, Task


@arms.add
class Majority:
    """Its probabilities are the classes' shares in the training rows."""

    tasks: ClassVar[frozenset[Task]] = frozenset({"answer", "label"})
    standing: ClassVar[Standing] = "rival"
    words: ClassVar[str] = "always giving the most frequent label"

    def missing(self, bench: Bench) -> str:
        if not bench.frame.classes:
            return "the answers are not a few labels"
        return "" if bench.subject.train else "there are no training rows"

    def outcomes(self, bench: Bench) -> list[Outcome]:
        counts = Counter(target_of(row).strip() for row in bench.subject.train)
        top = min(counts, key=lambda name: (-counts[name], name))
        shares = tuple(counts[name] / counts.total() for name in bench.frame.classes)
        return [
            Outcome(index, target_of(row), top, probabilities=shares)
            for index, row in enumerate(bench.rows)
        ]
