"""F1 of entities: right where type, beginning and end are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from luthier.evaluation.chunks import Chunk, chunks
from luthier.evaluation.metrics import metrics
from luthier.evaluation.outcome import Frame, Outcome


@metrics.add
class EntityF1:
    """2 right / (found + true), over all entities of all rows.

    Source: agrees with seqeval.metrics.f1_score(average="micro") and, type by type, with its
    classification_report.
    """

    words: ClassVar[str] = "quality of the entities found (F1)"
    higher_is_better: ClassVar[bool] = True
    is_share: ClassVar[bool] = False
    is_bounded: ClassVar[bool] = True
    per_row: ClassVar[bool] = False

    def fits(self, frame: Frame) -> bool:
        return frame.task == "entities"

    def table(self, outcomes: Sequence[Outcome], frame: Frame) -> NDArray[np.float64]:
        del frame
        lines: list[tuple[int, int, int, int]] = []
        for item in outcomes:
            found, true = _sets(item)
            # a row without entities counts too: finding none there is right
            lines.append((len(found & true), len(found), len(true), 1))
        return np.array(lines, np.float64).reshape(-1, 4)

    def reduce(self, sums: NDArray[np.float64]) -> NDArray[np.float64]:
        both = sums[..., 1] + sums[..., 2]
        return 2 * sums[..., 0] / np.where(both > 0, both, 1.0)

    def details(self, outcomes: Sequence[Outcome], frame: Frame) -> dict[str, Any]:
        del frame
        counts: dict[str, NDArray[np.float64]] = {}
        for item in outcomes:
            found, true = _sets(item)
            for column, several in enumerate((found & true, found, true)):
                for chunk in several:
                    counts.setdefault(chunk.type, np.zeros(3))[column] += 1
        return {"classes": {name: _figures(*counts[name].tolist()) for name in sorted(counts)}}


def _sets(item: Outcome) -> tuple[set[Chunk], set[Chunk]]:
    return set(chunks(item.text.split())), set(chunks(item.target.split()))


def _figures(right: float, found: float, true: float) -> dict[str, float]:
    return {
        "precision": right / found if found else 0.0,
        "recall": right / true if true else 0.0,
        "f1": 2 * right / (found + true),
        "entities": true,
    }
