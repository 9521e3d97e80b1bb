"""What comparing pairs of rows gave, so that none is compared twice: 8 bytes for each pair.

Legend: P pairs.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from luthier.data.matching.keyed import Whole


class Compared:
    """Of pairs of `count` rows, whether they are similar."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._key_P = {is_similar: np.empty(0, np.int64) for is_similar in (True, False)}

    def put(self, later_P: Whole, earlier_P: Whole, is_similar_P: NDArray[np.bool_]) -> None:
        """Pairs that were not there."""
        key_P = later_P * self._count + earlier_P
        for value, held_P in self._key_P.items():
            self._key_P[value] = np.sort(np.append(held_P, key_P[is_similar_P == value]))

    def among(self, later_P: Whole, earlier_P: Whole, *, similar: bool) -> NDArray[np.bool_]:
        """Which pairs were found to be similar, or not to be."""
        held_P, key_P = self._key_P[similar], later_P * self._count + earlier_P
        at_P = np.searchsorted(held_P, key_P)
        return np.append(held_P, -1)[at_P] == key_P

    def similar(self) -> tuple[Whole, Whole]:
        """The later and the earlier row of each similar pair, in the order of the rows."""
        later_P, earlier_P = np.divmod(self._key_P[True], max(self._count, 1))
        return later_P, earlier_P
