"""The order of the training rows: a pure function of seed and epoch, on any machine."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from luthier.core.seeds import derive

_GOLDEN, _MIX_1, _MIX_2 = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
_FIRST_SHARE = 0.01
"""Of the rows, among which the first is drawn."""


def order(num_rows: int, *, seed: int, epoch: int) -> NDArray[np.int64]:
    """A permutation of 0 .. num_rows - 1.

    Rows are sorted by a hash of (seed, epoch, row), so nothing depends on a library's generator.
    Source: the hash is SplitMix64's output function, Steele et al. 2014,
    doi:10.1145/2660193.2660195.
    """
    drawn = _drawn(num_rows, derive(seed, "order", epoch))
    return np.argsort(drawn, kind="stable").astype(np.int64)


def easiest_first(easy_first: Sequence[int], *, seed: int) -> NDArray[np.int64]:
    """A permutation of the rows that lets in harder ones by and by.

    At each place one is drawn of those not drawn before among the easiest share c of all, with
    c = sqrt(t * (1 - c0 ** 2) + c0 ** 2) where t goes from 0 to 1 and c0 is 0.01.
    Args: easy_first: all rows, the easiest first.
    Source: Platanios et al. 2019, arXiv:1903.09848, equation 7 (square root). There rows are drawn
    anew each time; here every row comes once, so that an epoch is one as always.
    """
    number = len(easy_first)
    drawn = _drawn(number, derive(seed, "curriculum"))
    times = np.arange(number) / max(number, 1)
    shares = np.sqrt(times * (1 - _FIRST_SHARE**2) + _FIRST_SHARE**2)
    let_in = np.maximum(np.ceil(shares * number).astype(np.int64), np.arange(1, number + 1))
    waiting, found, known = list[int](), np.empty(number, np.int64), 0
    for at, (most, by) in enumerate(zip(let_in.tolist(), drawn.tolist(), strict=True)):
        waiting += easy_first[known:most]
        known = most
        place = by % len(waiting)
        waiting[place], waiting[-1] = waiting[-1], waiting[place]
        found[at] = waiting.pop()
    return found


def _drawn(number: int, start: int) -> NDArray[np.uint64]:
    with np.errstate(over="ignore"):  # arithmetic modulo 2**64 is the point
        steps = (np.arange(number, dtype=np.uint64) + np.uint64(1)) * np.uint64(_GOLDEN)
        z = np.uint64(start) + steps
        z = (z ^ (z >> np.uint64(30))) * np.uint64(_MIX_1)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(_MIX_2)
        return z ^ (z >> np.uint64(31))
