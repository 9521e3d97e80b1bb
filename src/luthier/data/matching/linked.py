"""Which rows hang together by what was compared so far, so that few pairs of many need be.

Legend: N rows, P pairs.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from luthier.data.matching.keyed import Whole


class Linked:
    """Sets of rows that are joined (union-find), and the row in whose place each would stand."""

    def __init__(self, count: int) -> None:
        self._parent_N = np.arange(count)
        self._place_N = np.full(count, -1)  # of a similar row that stands for itself

    def join(self, later: int, earlier: int) -> None:
        """They are similar."""
        one, other = self._root(later), self._root(earlier)
        self._parent_N[max(one, other)] = min(one, other)
        if self._place_N[later] < 0 and self._place_N[earlier] < 0:
            self._place_N[later] = earlier

    def is_settled(self, later_P: Whole, earlier_P: Whole) -> NDArray[np.bool_]:
        """For which pairs a comparison would tell nothing of worth: they hang together, and the
        later row is left out already for one that is kept."""
        place_P = self._place_N[later_P]
        settled_P = (place_P >= 0) & (self._place_N[place_P] < 0)
        at = np.flatnonzero(settled_P)
        settled_P[at] = self._roots(later_P[at]) == self._roots(earlier_P[at])
        return settled_P

    def _root(self, row: int) -> int:
        while (parent := int(self._parent_N[row])) != row:
            self._parent_N[row] = self._parent_N[parent]
            row = parent
        return row

    def _roots(self, row_P: Whole) -> Whole:
        found_P = self._parent_N[row_P]
        while not np.array_equal(above_P := self._parent_N[found_P], found_P):
            found_P = above_P
        self._parent_N[row_P] = found_P
        return found_P
