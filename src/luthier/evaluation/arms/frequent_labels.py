"""Always the same labels: what knowing how often each occurs is worth."""

from __future__ import annotations

from collections import Counter
from typing import ClassVar

import numpy as np

from luthier.data.rows import Multilabeled
from luthier.evaluation.arms import arms
from luthier.evaluation.arms.contract import Standing
from luthier.evaluation.bench import Bench
from luthier.evaluation.outcome import Outcome
from luthier.evaluation.tasks.labels import outcomes
from luthier.ops.threshold import HALF


@arms.add
class FrequentLabels:
    """The most frequent labels, as many as give the highest F1 (micro) on the training rows: no
    answer that is the same for every row does better there.

    F1 of k labels in n rows is 2 * (rows that have them, summed) / (k * n + all labels of all
    rows), which for any k is highest for the k most frequent ones.
    """

    tasks: ClassVar[frozenset[str]] = frozenset({"labels"})
    standing: ClassVar[Standing] = "rival"
    words: ClassVar[str] = "always giving the most frequent labels"

    def missing(self, bench: Bench) -> str:
        rows = [row for row in bench.subject.train if isinstance(row, Multilabeled)]
        return "" if any(row.labels for row in rows) else "no training row has a label"

    def outcomes(self, bench: Bench) -> list[Outcome]:
        rows = [row for row in bench.subject.train if isinstance(row, Multilabeled)]
        chosen = _best([row.labels for row in rows])
        bench.notes["frequent_labels"] = {"labels": ", ".join(chosen)}
        line = np.array([float(name in chosen) for name in bench.frame.classes])
        said = np.tile(line, (len(bench.rows), 1))
        return outcomes(bench.rows, said, bench.frame.classes, threshold=HALF, seconds=0.0)


def _best(rows: list[tuple[str, ...]]) -> list[str]:
    counts = Counter(name for labels in rows for name in set(labels))
    ranked = sorted(counts, key=lambda name: (-counts[name], name))
    right = np.cumsum([counts[name] for name in ranked])
    f1 = 2 * right / (len(rows) * np.arange(1, len(ranked) + 1) + counts.total())
    return ranked[: int(f1.argmax()) + 1]
