"""Figures of searches: one for each anchor, on the line of its first row."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from luthier.evaluation.outcome import Outcome


def by_anchor(
    outcomes: Sequence[Outcome], score: Callable[[Sequence[int]], float]
) -> NDArray[np.float64]:
    """Table (N, 2) of what `score` gives for the places of the right texts, first ones first."""
    lines = [(score(item.ranks), 1.0) if item.ranks else (0.0, 0.0) for item in outcomes]
    return np.array(lines, np.float64).reshape(-1, 2)
