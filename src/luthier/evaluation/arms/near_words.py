"""The words of a text that stand nearest to those of the question: no model, nothing understood."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from luthier.core.seeds import stream
from luthier.data.rows import Question
from luthier.evaluation.arms import arms
from luthier.evaluation.arms.contract import Standing
from luthier.evaluation.bench import Bench
from luthier.evaluation.metrics._squad import best, overlap
from luthier.evaluation.outcome import Outcome

MAX_FITTED = 300
"""Training questions from which length and bound of silence are read, at most."""
LENGTHS = range(1, 11)
"""Words of an answer that are tried."""
REACH = 10
"""Words to either side that a word of the question is felt."""
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class _Piece:
    """The best piece of a text, and how much of the question's weight is near it."""

    text: str
    nearness: float


@arms.add
class NearWords:
    """Every rare word near rare words of the question counts, the less the further away; words of
    the question themselves count against an answer. How many words an answer has, and how near it
    must be not to be silence, is what gives the best F1 on training rows.

    Source: after the sliding window with distances of Richardson et al. 2013 (MCTest), section 4,
    which Rajpurkar et al. 2016, arXiv:1606.05250, take as their rival; here the pieces are of one
    length, and rarity is BM25's.
    """

    tasks: ClassVar[frozenset[str]] = frozenset({"find"})
    standing: ClassVar[Standing] = "rival"
    words: ClassVar[str] = "pointing at the words nearest to those of the question"

    def missing(self, bench: Bench) -> str:
        return "" if bench.subject.train else "there are no training rows"

    def outcomes(self, bench: Bench) -> list[Outcome]:
        rows = [row for row in bench.rows if isinstance(row, Question)]
        known = [row for row in bench.subject.train if isinstance(row, Question)]
        rarity = _rarity({row.context for row in (*known, *rows)})
        fitted = stream(bench.subject.seed, "near words").sample(known, min(MAX_FITTED, len(known)))
        length, bound = _fitted(fitted, rarity)
        bench.notes["near_words"] = {"words": length, "silent below": bound}
        pieces = [_pieces(row, rarity, [length])[0] for row in rows]
        return [
            Outcome(index, row.target(), piece.text if piece.nearness >= bound else "")
            for index, (row, piece) in enumerate(zip(rows, pieces, strict=True))
        ]


def _fitted(rows: Sequence[Question], rarity: dict[str, float]) -> tuple[int, float]:
    """The number of words, and the bound of silence, of the highest F1 on these rows."""
    found: list[tuple[float, int, float]] = []
    by_row = [_pieces(row, rarity, LENGTHS) for row in rows]
    silent = np.array([best("", row.target(), overlap) for row in rows])
    for place, length in enumerate(LENGTHS):
        pieces = [pieces[place] for pieces in by_row]
        spoken = np.array(
            [best(x.text, row.target(), overlap) for x, row in zip(pieces, rows, strict=True)]
        )
        nearness = np.array([piece.nearness for piece in pieces])
        order = np.argsort(nearness, kind="stable")
        # silent on the first so many, in order of nearness
        sums = spoken.sum() + np.r_[0.0, np.cumsum((silent - spoken)[order])]
        bounds = np.r_[0.0, np.nextafter(nearness[order], np.inf)]
        at = int(sums.argmax())
        found.append((-float(sums[at]), length, float(bounds[at])))
    _, length, bound = min(found)
    return length, bound


def _pieces(row: Question, rarity: dict[str, float], lengths: Sequence[int]) -> list[_Piece]:
    """The best piece of each length."""
    words = list(_WORD.finditer(row.context))
    if not words:
        return [_Piece("", 0.0)] * len(lengths)
    asked = set(_words(row.question))
    rare_N = np.array([rarity[word[0].lower()] for word in words])
    is_asked_N = np.array([word[0].lower() in asked for word in words])
    heat_N = np.where(is_asked_N, rare_N, 0.0)
    near_N = np.convolve(heat_N, _KERNEL)[REACH : REACH + len(words)]
    # a word of the question stands near itself, and is no answer to it
    worth_N = np.where(is_asked_N, near_N - heat_N, near_N * rare_N)
    whole = sum(rarity.get(word, 0.0) for word in asked) or 1.0
    found: list[_Piece] = []
    for length in lengths:
        held = min(length, len(words))
        sums = np.convolve(worth_N, np.ones(held), "valid")
        first = int(sums.argmax())
        last = first + held
        text = row.context[words[first].start() : words[last - 1].end()]
        found.append(_Piece(text, max(0.0, float(near_N[first:last].mean() / whole))))
    return found


def _kernel() -> NDArray[np.float64]:
    distances = np.abs(np.arange(-REACH, REACH + 1))
    return np.where(distances > 0, 1 / (1 + distances), 0.0)


_KERNEL = _kernel()


def _rarity(texts: set[str]) -> dict[str, float]:
    """How rare each word is among texts."""
    seen = Counter(word for text in texts for word in set(_words(text)))
    return {
        word: math.log(1 + (len(texts) - times + 0.5) / (times + 0.5))
        for word, times in seen.items()
    }


def _words(text: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(text)]
