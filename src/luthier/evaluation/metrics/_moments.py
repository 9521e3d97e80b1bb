"""A correlation as sums over rows, so that it can be resampled like any other figure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from luthier.evaluation.outcome import Outcome


def numbers(outcomes: Sequence[Outcome]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What was said and what is true, (N,) each."""
    said = np.array([float(item.text) for item in outcomes])
    true = np.array([float(item.target) for item in outcomes])
    return said, true


def moments(said_N: NDArray[np.float64], true_N: NDArray[np.float64]) -> NDArray[np.float64]:
    """Table (N, 6): count, both numbers (centred, in deviations), their squares and product."""
    x_N, y_N = _standard(said_N), _standard(true_N)
    columns = [np.ones_like(x_N), x_N, y_N, x_N**2, y_N**2, x_N * y_N]
    return np.stack(columns, axis=-1)


def correlation(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Pearson's correlation from such sums (..., 6); 0 where one of the two does not vary."""
    count = np.maximum(sums[..., 0], 1.0)
    x, y, xx, yy, xy = (sums[..., place] / count for place in range(1, 6))
    spread = np.sqrt(np.maximum(xx - x**2, 0.0) * np.maximum(yy - y**2, 0.0))
    return np.where(spread > 1e-12, (xy - x * y) / np.where(spread > 1e-12, spread, 1.0), 0.0)


def _standard(values_N: NDArray[np.float64]) -> NDArray[np.float64]:
    deviation = values_N.std()
    return (values_N - values_N.mean()) / (deviation if deviation > 1e-12 else 1.0)
