"""The best sequence of BIO tags: an I only goes on with what has begun."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_NEVER = -1e9


def best_path(logprobs_WC: NDArray[np.float32], names: Sequence[str]) -> list[int]:
    """Tags of the highest summed log-probability among those that are BIO.

    A word without any (nan) is outside. Source: Viterbi 1967; the transitions are allowed or not,
    and none is learned.
    """
    scores_WC = _filled(logprobs_WC.astype(np.float64), names)
    if not len(scores_WC):
        return []
    allowed_CC = np.array([[_may_follow(old, new) for new in names] for old in names])
    steps_CC = np.where(allowed_CC, 0.0, _NEVER)
    begins_C = np.where([not name.startswith("I-") for name in names], 0.0, _NEVER)
    best_C = scores_WC[0] + begins_C
    back: list[NDArray[np.int64]] = []
    for scores_C in scores_WC[1:]:
        through_CC = best_C[:, None] + steps_CC
        back.append(through_CC.argmax(0))
        best_C = through_CC.max(0) + scores_C
    path = [int(best_C.argmax())]
    for places_C in reversed(back):
        path.append(int(places_C[path[-1]]))
    return path[::-1]


def _may_follow(old: str, new: str) -> bool:
    if not new.startswith("I-"):
        return True
    return old.partition("-")[2] == new.partition("-")[2]


def _filled(logprobs_WC: NDArray[np.float64], names: Sequence[str]) -> NDArray[np.float64]:
    missing_W = np.isnan(logprobs_WC).any(-1)
    outside = np.where([name == "O" for name in names], 0.0, _NEVER)
    return np.where(np.expand_dims(missing_W, -1), outside, logprobs_WC)
