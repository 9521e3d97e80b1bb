"""A weighted mean as sums: most metrics share it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from luthier.evaluation.outcome import Outcome


def mean(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Column 0 over column 1 of sums (..., 2); 0 where nothing counts."""
    return sums[..., 0] / np.where(sums[..., 1] > 0, sums[..., 1], 1.0)


def written(outcomes: Sequence[Outcome], score: Callable[[Outcome], float]) -> NDArray[np.float64]:
    """Table (N, 2) of scores of weight 1; rows without a text do not count."""
    lines = [(score(item), 1.0) if item.has_text else (0.0, 0.0) for item in outcomes]
    return np.array(lines, np.float64).reshape(-1, 2)
