"""Which of many hashes come more than once, in 16 bytes for each.

Legend: N hashes, R of them that come more than once.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_AT_ONCE = 1 << 20

Hashes = NDArray[np.uint64]


def repeated(hash_N: Hashes) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The places of hashes that come more than once, rising, and the number of each one's hash.

    Shapes: (R,) and (R,).
    """
    sorted_N = np.sort(hash_N)
    again = np.unique(sorted_N[1:][sorted_N[1:] == sorted_N[:-1]])
    del sorted_N
    if not len(again):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    place_R = np.flatnonzero(_is_in(hash_N, again))
    return place_R, np.searchsorted(again, hash_N[place_R])


def _is_in(hash_N: Hashes, held: Hashes) -> NDArray[np.bool_]:
    found_N = np.empty(len(hash_N), bool)
    for start in range(0, len(hash_N), _AT_ONCE):
        hashes = hash_N[start : start + _AT_ONCE]
        at = np.minimum(np.searchsorted(held, hashes), len(held) - 1)
        found_N[start : start + len(hashes)] = held[at] == hashes
    return found_N
