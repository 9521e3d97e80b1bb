"""From scores of starts and ends to the best piece of a text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from luthier.data.features import Features

_SHOWN = 20
"""So many of the best pieces share the probability; what is behind them makes no difference."""


@dataclass(frozen=True, slots=True)
class Found:
    """Characters [start, end) of the text; -1 and -1: it holds no answer."""

    start: int
    end: int
    confidence: float


def best_answer(
    features: Features,
    scores_T2: NDArray[np.float32],
    *,
    max_answer: int,
    may_be_silent: bool,
) -> Found:
    """The piece with the highest sum of start and end over all windows.

    Confidence is its share among the best pieces, silence included where there may be none.
    Source: Devlin et al. 2019, arXiv:1810.04805, sections 4.2 and 4.3; the score of silence is the
    lowest of any window, since any window may hold the answer.
    """
    pieces: dict[tuple[int, int], float] = {}
    silence: list[float] = []
    first = 0
    for length in features.lengths:
        place = slice(first, first + length)
        first += length
        scores = scores_T2[place]
        silence.append(float(scores[0].sum()))
        starts, ends = features.per_token["starts"][place], features.per_token["ends"][place]
        for begin, end, score in _best(scores, starts, ends, max_answer):
            known = pieces.get((begin, end), -np.inf)
            pieces[(begin, end)] = max(known, score)
    ranked = sorted(pieces.items(), key=lambda item: -item[1])[:_SHOWN]
    if may_be_silent or not ranked:
        ranked.append(((-1, -1), min(silence)))
    scores_K = np.array([score for _, score in ranked])
    shares_K = np.exp(scores_K - scores_K.max())
    best = int(scores_K.argmax())
    (begin, end), _ = ranked[best]
    return Found(begin, end, float(shares_K[best] / shares_K.sum()))


def _best(
    scores_T2: NDArray[np.float32],
    starts: NDArray[np.int32],
    ends: NDArray[np.int32],
    max_answer: int,
) -> Sequence[tuple[int, int, float]]:
    """(first character, last character + 1, score) of the best pieces of one window."""
    text = np.flatnonzero(starts >= 0)
    if not len(text):
        return []
    sums = scores_T2[text, 0][:, None].astype(np.float64) + scores_T2[text, 1][None]
    distance = np.arange(len(text))[None] - np.arange(len(text))[:, None]
    sums[(distance < 0) | (distance >= max_answer)] = -np.inf
    flat = np.argsort(sums, axis=None)[::-1][:_SHOWN]
    pairs = np.stack(np.unravel_index(flat, sums.shape), axis=-1)
    return [
        (int(starts[text[a]]), int(ends[text[b]]), float(sums[a, b]))
        for a, b in pairs
        if np.isfinite(sums[a, b])
    ]
