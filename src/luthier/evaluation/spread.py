"""Class probabilities of a method that saw some of the classes, over all of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def spread_over(
    probabilities_NK: NDArray[np.float64], seen: Sequence[str], names: Sequence[str]
) -> NDArray[np.float64]:
    """Columns (N, C) in the order of `names`; classes never seen get 0."""
    found = np.zeros((len(probabilities_NK), len(names)))
    places = {name: index for index, name in enumerate(names)}
    for column, name in enumerate(seen):
        found[:, places[name]] = probabilities_NK[:, column]
    return found
