"""From which probability on to say yes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

HALF = 0.5


def best_threshold(
    probabilities: NDArray[np.floating], targets: NDArray[np.floating]
) -> tuple[float, float]:
    """The threshold of the highest F1 over all decisions together (micro), and this F1.

    It lies midway between two probabilities, or is one half where nothing is to be found. For
    probabilities that are what they say it is half of the F1, so below one half: Lipton et al.
    2014, arXiv:1402.1892, theorem 2.
    Shapes: both any, the same; targets 1 and 0.
    """
    order = np.argsort(-probabilities, axis=None, kind="stable")
    said, right = probabilities.ravel()[order], np.cumsum(targets.ravel()[order])
    if not len(said) or not right[-1]:
        return HALF, 0.0
    f1 = 2 * right / (np.arange(1, len(said) + 1) + right[-1])
    is_last = np.r_[said[:-1] > said[1:], True]  # equal probabilities are said together
    at = int(np.where(is_last, f1, -1.0).argmax())
    below = said[at + 1] if at + 1 < len(said) else 0.0
    return float((said[at] + below) / 2), float(f1[at])
