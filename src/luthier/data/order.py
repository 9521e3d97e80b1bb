"""The order of the training rows: a pure function of seed and epoch, on any machine."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from luthier.core.seeds import derive

_GOLDEN, _MIX_1, _MIX_2 = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB


def order(num_rows: int, *, seed: int, epoch: int) -> NDArray[np.int64]:
    """A permutation of 0 .. num_rows - 1.

    Rows are sorted by a hash of (seed, epoch, row), so nothing depends on a library's generator.
    Source: the hash is SplitMix64's output function, Steele et al. 2014,
    doi:10.1145/2660193.2660195.
    """
    start = np.uint64(derive(seed, "order", epoch))
    with np.errstate(over="ignore"):  # arithmetic modulo 2**64 is the point
        z = start + (np.arange(num_rows, dtype=np.uint64) + np.uint64(1)) * np.uint64(_GOLDEN)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(_MIX_1)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(_MIX_2)
        z = z ^ (z >> np.uint64(31))
    return np.argsort(z, kind="stable").astype(np.int64)
