"""The best sequence of BIO tags: an I only goes on with what has begun."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_NEVER = -1e9


def best_path(logprobs_WC: NDArray[np.float32], names: Sequence[str]) -> list[int]:
    """Tags of the highest summed log-probability among those that are BIO.

    A word without any (nan) goes on with what the word before is: a token that covers both, such
    as 's or ://, has spoken for them. Source: Viterbi 1967; the transitions are allowed or not, and
    none is learned.
    """
    if not len(logprobs_WC):
        return []
    silent_W: NDArray[np.bool_] = np.any(np.isnan(logprobs_WC), axis=-1)
    scores_WC = np.where(silent_W[:, None], 0.0, logprobs_WC.astype(np.float64))
    allowed_CC = np.array([[_may_follow(old, new) for new in names] for old in names])
    steps_CC = np.where(allowed_CC, 0.0, _NEVER)
    after = [_gone_on(name, names) for name in names]
    goes_on_CC = np.where([[new == name for new in names] for name in after], 0.0, _NEVER)
    first = [name for name in names if not name.startswith("I-")] if not silent_W[0] else ["O"]
    begins_C = np.where([name in first for name in names], 0.0, _NEVER)
    best_C = scores_WC[0] + begins_C
    back: list[NDArray[np.int64]] = []
    for scores_C, is_silent in zip(scores_WC[1:], silent_W[1:], strict=True):
        through_CC = best_C[:, None] + (goes_on_CC if is_silent else steps_CC)
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


def _gone_on(name: str, names: Sequence[str]) -> str:
    """The tag of a word that goes on with one of this tag."""
    inside = f"I-{name.partition('-')[2]}"
    return inside if inside in names else "O"
