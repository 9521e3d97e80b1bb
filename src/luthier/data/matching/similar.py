"""Rows that almost repeat others: the same input and the same target but for some characters.

Legend: N rows, P pairs, K hashes of a signature.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from luthier.data.matching.keyed import Whole
from luthier.data.matching.minhash import bands, jaccard, plainly, signatures
from luthier.data.matching.repeated import repeated
from luthier.data.matching.signed import Signed
from luthier.data.rows import Row

_AT_ONCE = 2048
_ROUNDS = 16
"""How often those of one band that are unlike the first of them are compared anew."""
_DEVIATIONS = 4.0
"""Standard deviations by which an estimate may fall short before the texts are looked at."""


@dataclass(frozen=True, slots=True)
class Similar:
    """Pairs of similar rows; of many alike, each is paired with some, not with all."""

    later_P: Whole
    earlier_P: Whole

    def __len__(self) -> int:
        return len(self.later_P)

    def only(self, mask_P: NDArray[np.bool_]) -> Similar:
        """Some of the pairs."""
        return Similar(self.later_P[mask_P], self.earlier_P[mask_P])

    def first_kept(self, count: int) -> Whole:
        """For each of `count` rows the earlier one in whose place it stands; itself: it is kept.

        A row is left out when it is similar to one that is kept, so what stays is not similar.
        """
        kept_N = np.arange(count)
        for place in np.lexsort((self.earlier_P, self.later_P)):
            later, earlier = int(self.later_P[place]), int(self.earlier_P[place])
            if kept_N[later] == later and kept_N[earlier] == earlier:
                kept_N[later] = earlier
        return kept_N


def similar(rows: Sequence[Row], threshold: float) -> Similar:
    """Rows whose inputs, and whose targets, have a Jaccard similarity of at least `threshold`.

    Their similarity is that of the sets of pieces of five characters (`minhash`). Of pairs at the
    threshold 99 % are found; whatever is given was compared exactly. Rows without text, such as
    pictures, are similar to none.
    Args: threshold: above 0, at most 1.
    """
    cut = bands(threshold)
    search = _Search(rows, threshold, Signed(len(rows), cut))
    has_text_N = np.ones(len(rows), bool)
    for start, texts in _given(rows):
        search.signed.put(signatures(texts, cut.total))
        has_text_N[start : start + len(texts)] = [bool(text) for text in texts]
    for number in range(cut.number):
        place_R, group_R = repeated(search.signed.band(number))
        with_text_R = has_text_N[place_R]
        _look_through(search, place_R[with_text_R], group_R[with_text_R])
    return search.found()


def _given(rows: Sequence[Row]) -> Iterator[tuple[int, list[str]]]:
    walked, start = iter(rows), 0
    while texts := [plainly(row.given()) for row in islice(walked, _AT_ONCE)]:
        yield start, texts
        start += len(texts)


@dataclass(slots=True)
class _Search:
    """What was compared so far."""

    rows: Sequence[Row]
    threshold: float
    signed: Signed
    known: dict[tuple[int, int], bool] = field(default_factory=dict[tuple[int, int], bool])

    def are_similar(self, later: int, earlier: int) -> bool:
        """Whether two rows are, looked at once."""
        pair = (later, earlier)
        if pair not in self.known:
            one, other = self.rows[later], self.rows[earlier]
            texts = ((one.given(), other.given()), (one.target(), other.target()))
            self.known[pair] = all(
                first == second or jaccard(plainly(first), plainly(second)) >= self.threshold
                for first, second in texts
            )
        return self.known[pair]

    def found(self) -> Similar:
        """The pairs that are similar, in the order of the rows."""
        pairs = sorted(pair for pair, is_similar in self.known.items() if is_similar)
        held = np.array(pairs, np.int64).reshape(-1, 2)
        return Similar(held[:, 0], held[:, 1])


def _look_through(search: _Search, places: Whole, group_N: Whole) -> None:
    """Compare rows of one group: each with the first of them, and those unlike it among themselves
    again."""
    order = np.argsort(group_N, kind="stable")
    places, group_N = places[order], group_N[order]
    for _ in range(_ROUNDS):
        if not len(places):
            return
        is_first = np.append(True, group_N[1:] != group_N[:-1])
        first = places[is_first][np.cumsum(is_first) - 1]
        left = ~is_first
        left[left] = ~_are_similar(search, places[left], first[left])
        places, group_N = places[left], group_N[left]


def _are_similar(search: _Search, later_P: Whole, earlier_P: Whole) -> NDArray[np.bool_]:
    """Which pairs are similar; those far below the threshold by their signatures are not read."""
    agree_P = np.empty(len(later_P))
    for start in range(0, len(later_P), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        agree_P[part] = (search.signed.of(later_P[part]) == search.signed.of(earlier_P[part])).mean(
            axis=1
        )
    spread = (search.threshold * (1 - search.threshold) / search.signed.total) ** 0.5
    likely_P = agree_P >= search.threshold - _DEVIATIONS * spread
    found = likely_P.copy()
    for at in np.flatnonzero(likely_P):
        found[at] = search.are_similar(int(later_P[at]), int(earlier_P[at]))
    return found
