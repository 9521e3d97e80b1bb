"""Which labels were named and which are true, as sums over rows."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from luthier.evaluation.outcome import Frame, Outcome


def counts(outcomes: Sequence[Outcome], frame: Frame) -> NDArray[np.float64]:
    """Per row and label whether it was right, named, true: (N, 3, C)."""
    places = {name: index for index, name in enumerate(frame.classes)}
    found = np.zeros((len(outcomes), 3, len(frame.classes)))
    for line, item in zip(found, outcomes, strict=True):
        named, true = set(labels_in(item.text)), set(labels_in(item.target))
        for column, several in enumerate((named & true, named, true)):
            line[column, [places[name] for name in several if name in places]] = 1
    return found


def labels_in(text: str) -> list[str]:
    """The labels of an answer or a target, which are a JSON list."""
    return json.loads(text) if text else []


def f1(right: NDArray[np.float64], both: NDArray[np.float64]) -> NDArray[np.float64]:
    """2 right / (named + true); 0 where there is neither."""
    return 2 * right / np.where(both > 0, both, 1.0)
