"""Which classes are taken for which."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from luthier.evaluation.outcome import Frame, Outcome

OTHER = "(something else)"


def confusion(outcomes: Sequence[Outcome], frame: Frame) -> dict[str, Any]:
    """Counts with a line per true and a column per named class.

    Answers that name no class get a last line and column of their own, where there are any.
    """
    places = {frame.key(name): index for index, name in enumerate(frame.classes)}
    size = len(frame.classes)
    counts = np.zeros((size, size + 1), int)
    for item in outcomes:
        true = places.get(frame.key(item.target))
        if true is not None:
            counts[true, places.get(frame.key(item.text), size)] += 1
    if not counts[:, size].any():
        return {"labels": list(frame.classes), "counts": counts[:, :size].tolist()}
    square = [*counts.tolist(), [0] * (size + 1)]
    return {"labels": [*frame.classes, OTHER], "counts": square}


def per_class(outcomes: Sequence[Outcome], frame: Frame) -> dict[str, dict[str, float]]:
    """Precision, recall, F1 and number of test rows of each class."""
    counts = np.array(confusion(outcomes, frame)["counts"], float)
    found: dict[str, dict[str, float]] = {}
    for index, name in enumerate(frame.classes):
        right, named, true = counts[index, index], counts[:, index].sum(), counts[index].sum()
        found[name] = {
            "precision": float(right / named) if named else 0.0,
            "recall": float(right / true) if true else 0.0,
            "f1": float(2 * right / (named + true)) if named + true else 0.0,
            "rows": float(true),
        }
    return found
