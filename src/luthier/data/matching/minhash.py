"""Sets of short pieces of texts, and signatures whose agreement estimates how much two sets share.

Source: Broder, On the resemblance and containment of documents, 1997: two sets have the same
least element of a random order with the probability of their Jaccard similarity. Bands of hashes:
Leskovec, Rajaraman, Ullman, Mining of Massive Datasets, section 3.4.

Legend: N texts, S pieces of all of them, K hashes of a signature.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

SIZE = 5
"""Characters of a piece."""
MOST_HASHES = 96
_SURE = 0.99
"""Of pairs exactly at the threshold, so many shall share a band."""
_AT_ONCE = 1 << 16
"""Pieces that are hashed together: what fits a core's cache."""
_NOTHING = 0x110000
"""What short texts are filled with: the first number that is no character."""
_SPACE = re.compile(r"\s+")
_ODD = np.uint64(0x9E3779B97F4A7C15)

Hashes = NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Bands:
    """How a signature is cut: texts are compared where all hashes of one band agree."""

    number: int
    hashes: int

    @property
    def total(self) -> int:
        return self.number * self.hashes


def bands(threshold: float) -> Bands:
    """As many hashes in a band as leave 99 % of the pairs at the threshold with an equal band.

    Below 0.047 no number of bands that is allowed does: then all hashes are bands of their own,
    and 95 % of the pairs have an equal one at 0.03, 62 % at 0.01.
    """
    best = Bands(MOST_HASHES, 1)
    for hashes in range(1, MOST_HASHES + 1):
        missed = 1 - threshold**hashes
        number = 1 if missed <= 0 else math.ceil(math.log(1 - _SURE) / math.log(missed))
        if number * hashes > MOST_HASHES:
            return best
        best = Bands(number, hashes)
    return best


def plainly(text: str) -> str:
    """The text as it is compared: in small letters, with single spaces."""
    return _SPACE.sub(" ", text.casefold()).strip()


def pieces(texts: Sequence[str]) -> tuple[Hashes, NDArray[np.int64]]:
    """Hashes of every piece of `SIZE` characters, and where each text's begin.

    A shorter text is one piece. Pieces that come again are not removed.
    Shapes: (S,) and (N,).
    """
    filled = [text.ljust(SIZE, "\0") for text in texts]
    data = "".join(filled).encode("utf-32-le", "surrogatepass")
    codes = np.frombuffer(data, np.uint32).astype(np.uint64)
    lengths_N = np.array([len(text) for text in filled], np.int64)
    ends_N = np.cumsum(lengths_N)
    own_N = np.array([len(text) for text in texts], np.int64)
    for back in range(1, SIZE + 1):
        codes[ends_N[own_N <= SIZE - back] - back] = _NOTHING
    hashed = np.zeros(max(len(codes) - SIZE + 1, 0), np.uint64)
    for offset in range(SIZE):
        hashed *= _ODD
        hashed += codes[offset : offset + len(hashed)]
    is_whole = np.ones(len(hashed), bool)
    for back in range(1, SIZE):  # windows over the border of two texts
        is_whole[ends_N[:-1] - back] = False
    counts_N = lengths_N - SIZE + 1
    return _mixed(hashed[is_whole]), np.cumsum(counts_N) - counts_N


def signatures(texts: Sequence[str], total: int) -> NDArray[np.uint32]:
    """For each text the least of its pieces under each of `total` orders.

    Shapes: (N, K).
    """
    found = np.empty((len(texts), total), np.uint32)
    draws = np.random.default_rng(5)  # the same orders always
    factors = draws.integers(0, 1 << 63, total, np.uint64) * np.uint64(2) + np.uint64(1)
    terms = draws.integers(0, 1 << 63, total, np.uint64)
    for start, end in _portions(texts):
        hashes_S, starts = pieces(texts[start:end])
        for number, (factor, term) in enumerate(zip(factors, terms, strict=True)):
            ordered_S = ((hashes_S * factor + term) >> np.uint64(32)).astype(np.uint32)
            found[start:end, number] = np.minimum.reduceat(ordered_S, starts)
    return found


def jaccards(first: Sequence[str], second: Sequence[str]) -> NDArray[np.float64]:
    """For each pair of texts the share of their pieces that both have. Shape: (N,)."""
    one_S, num_one_N = _apart(first)
    other_S, num_other_N = _apart(second)
    _, at_S, _ = np.intersect1d(one_S, other_S, assume_unique=True, return_indices=True)
    text_S = np.repeat(np.arange(len(first)), num_one_N)
    shared_N = np.bincount(text_S[at_S], minlength=len(first))
    return shared_N / (num_one_N + num_other_N - shared_N)


def _apart(texts: Sequence[str]) -> tuple[Hashes, NDArray[np.int64]]:
    """The pieces of each text once, hashed with its number, and how many each has.

    Shapes: (S,), in the order of the texts, and (N,).
    """
    hashes_S, starts_N = pieces(texts)
    text_S = np.zeros(len(hashes_S), np.int64)
    text_S[starts_N[1:]] = 1
    text_S = np.cumsum(text_S)
    _, first_S = np.unique(_mixed(hashes_S + text_S.astype(np.uint64) * _ODD), return_index=True)
    first_S.sort()
    kept_S = text_S[first_S]
    keys_S = _mixed(hashes_S[first_S] + kept_S.astype(np.uint64) * _ODD)
    return keys_S, np.bincount(kept_S, minlength=len(texts))


def _portions(texts: Sequence[str]) -> list[tuple[int, int]]:
    """Runs of texts with about `_AT_ONCE` characters together."""
    lengths = np.cumsum([len(text) + SIZE for text in texts])
    cuts, before = [0], 0
    while cuts[-1] < len(texts):
        end = int(np.searchsorted(lengths, before + _AT_ONCE, side="right"))
        cuts.append(max(end, cuts[-1] + 1))
        before = int(lengths[cuts[-1] - 1])
    return list(pairwise(cuts))


def _mixed(hashes: Hashes) -> Hashes:
    """The finaliser of SplitMix64 (Steele et al. 2014): near numbers lie far apart afterwards."""
    mixed = hashes + _ODD
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
