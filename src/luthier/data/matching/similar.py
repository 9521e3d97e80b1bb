"""Rows that almost repeat others: the same input and the same target but for some characters.

Legend: N rows, P pairs, K hashes of a signature.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from luthier.core.amount import Amount
from luthier.data.matching.compared import Compared
from luthier.data.matching.keyed import Whole
from luthier.data.matching.linked import Linked
from luthier.data.matching.minhash import bands, jaccards, plainly, signatures
from luthier.data.matching.repeated import repeated
from luthier.data.matching.signed import Signed
from luthier.data.rows import Row

_AT_ONCE = 2048
_CHARACTERS = 1 << 17
"""Of texts that are compared at once."""
_ROUNDS = 16
"""How often those of one band that are unlike the first of them are compared anew."""
_HELD_ROUNDS = 32
"""With so many held-out rows of one band each other row is compared, or until one is similar."""
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


def similar(
    rows: Sequence[Row], threshold: float, *, num_held: int = 0, only_across: bool = False
) -> Similar:
    """Rows whose inputs, and whose targets, have a Jaccard similarity of at least `threshold`.

    The first `num_held` rows are held out: they are not compared with each other, and a row that
    is like one of them is compared no further, as it stands for no other.
    Their similarity is that of the sets of pieces of five characters (`minhash`). Of pairs at the
    threshold 99 % share a band (`bands`) and are found, with two exceptions. Of rows that hang
    together already some are not compared, where the later one stands aside for another. And
    where a band is shared by hundreds of rows that are not alike, each is compared with few of
    them: of 2,000 texts with the same opening sentence, at a threshold of 0.5, 124 of the 1,192
    that are like an earlier one stay (23 with 200 rounds instead of `_ROUNDS`, in eight times the
    time). Whatever is given was compared exactly. Rows without text, such as pictures, are similar
    to none.
    Args: threshold: above 0, at most 1. only_across: rows are compared with held-out ones only.
    """
    cut = bands(threshold)
    count = len(rows)
    search = _Search(rows, threshold, Signed(count, cut), Linked(count), Compared(count))
    is_open_N = _signed(search)
    num_passes = cut.number * (bool(num_held) + (not only_across))
    comparing = Amount("comparing for near-duplicates", num_passes, unit="passes")
    for number in range(cut.number if num_held else 0):
        is_open_N[_look_across(search, *_grouped(search, number, is_open_N), num_held)] = False
        comparing.add(1)
    is_open_N[:num_held] = False
    for number in range(0 if only_across else cut.number):
        _look_through(search, *_grouped(search, number, is_open_N))
        comparing.add(1)
    return Similar(*search.compared.similar())


def _signed(search: _Search) -> NDArray[np.bool_]:
    """Put down the signature of each row. Returns: which rows have a text."""
    has_text_N = np.ones(len(search.rows), bool)
    signing = Amount("reading for near-duplicates", len(search.rows), unit="rows")
    for start, texts in _given(search.rows):
        search.signed.put(signatures(texts, search.signed.total))
        has_text_N[start : start + len(texts)] = [bool(text) for text in texts]
        signing.add(len(texts))
    return has_text_N


def _given(rows: Sequence[Row]) -> Iterator[tuple[int, list[str]]]:
    walked, start = iter(rows), 0
    while texts := [plainly(row.given()) for row in islice(walked, _AT_ONCE)]:
        yield start, texts
        start += len(texts)


@dataclass(frozen=True, slots=True)
class _Search:
    """What was compared so far."""

    rows: Sequence[Row]
    threshold: float
    signed: Signed
    linked: Linked
    compared: Compared


def _grouped(search: _Search, band: int, is_open_N: NDArray[np.bool_]) -> tuple[Whole, Whole]:
    """Rows that share a band with another and are still compared, group by group, and the number
    of each one's group; within a group they rise."""
    place_R, group_R = repeated(search.signed.band(band))
    is_open_R = is_open_N[place_R]
    place_R, group_R = place_R[is_open_R], group_R[is_open_R]
    order = np.argsort(group_R, kind="stable")
    return place_R[order], group_R[order]


def _look_across(search: _Search, places: Whole, group_N: Whole, num_held: int) -> Whole:
    """Compare rows with the held-out ones of their group, each until one is similar.

    Returns: the rows that are similar to one. Held-out rows are not compared with each other: all
    of them stay, so none stands for another.
    """
    is_held_N = places < num_held
    held, group_of_held = places[is_held_N], group_N[is_held_N]
    later_P, group_P = places[~is_held_N], group_N[~is_held_N]
    start_P = np.searchsorted(group_of_held, group_P, side="left")
    size_P = np.searchsorted(group_of_held, group_P, side="right") - start_P
    found = [later_P[:0]]
    for turn in range(_HELD_ROUNDS):
        left_P = size_P > turn
        later_P, start_P, size_P = later_P[left_P], start_P[left_P], size_P[left_P]
        if not len(later_P):
            break
        similar_P = _are_similar(search, later_P, held[start_P + turn])
        found.append(later_P[similar_P])
        size_P[similar_P] = 0
    return np.concatenate(found)


def _look_through(search: _Search, places: Whole, group_N: Whole) -> None:
    """Compare rows of one group: each with the first of them, and those unlike it among themselves
    again."""
    for _ in range(_ROUNDS):
        if not len(places):
            return
        is_first = np.append(True, group_N[1:] != group_N[:-1])
        first = places[is_first][np.cumsum(is_first) - 1]
        left = ~is_first
        left[left] = ~_are_similar(search, places[left], first[left])
        places, group_N = places[left], group_N[left]


def _are_similar(search: _Search, later_P: Whole, earlier_P: Whole) -> NDArray[np.bool_]:
    """Which pairs are similar, or need not be compared; those far below the threshold by their
    signatures are not read."""
    found_P = search.compared.among(later_P, earlier_P, similar=True)
    new_P = np.flatnonzero(~found_P & ~search.compared.among(later_P, earlier_P, similar=False))
    read: list[Whole] = [new_P[:0]]
    for start in range(0, len(new_P), _AT_ONCE):
        part_P = new_P[start : start + _AT_ONCE]
        settled_P = search.linked.is_settled(later_P[part_P], earlier_P[part_P])
        found_P[part_P[settled_P]] = True
        part_P = part_P[~settled_P]
        part_P = part_P[_are_likely(search, later_P[part_P], earlier_P[part_P])]
        found_P[part_P] = _compared(search, later_P[part_P], earlier_P[part_P])
        for at in part_P[found_P[part_P]]:
            search.linked.join(int(later_P[at]), int(earlier_P[at]))
        read.append(part_P)
    read_P = np.concatenate(read)
    search.compared.put(later_P[read_P], earlier_P[read_P], found_P[read_P])
    return found_P


def _are_likely(search: _Search, later_P: Whole, earlier_P: Whole) -> NDArray[np.bool_]:
    agree_P = (search.signed.of(later_P) == search.signed.of(earlier_P)).mean(axis=1)
    spread = (search.threshold * (1 - search.threshold) / search.signed.total) ** 0.5
    return agree_P >= search.threshold - _DEVIATIONS * spread


def _compared(search: _Search, later_P: Whole, earlier_P: Whole) -> NDArray[np.bool_]:
    found_P = np.ones(len(later_P), bool)
    for batch in _batches(_unequal(search.rows, later_P, earlier_P)):
        at_B, one_B, other_B = zip(*batch, strict=True)
        alike_B = jaccards(one_B, other_B) >= search.threshold
        np.logical_and.at(found_P, np.array(at_B), alike_B)
    return found_P


def _unequal(
    rows: Sequence[Row], later_P: Whole, earlier_P: Whole
) -> Iterator[tuple[int, str, str]]:
    """Inputs and targets that differ: the place of their pair, and both."""
    held, of_held = -1, ("", "")
    for at, (later, earlier) in enumerate(zip(later_P.tolist(), earlier_P.tolist(), strict=True)):
        if earlier != held:  # many are compared with one
            held, of_held = earlier, _texts(rows[earlier])
        for one, other in zip(_texts(rows[later]), of_held, strict=True):
            if one != other:
                yield at, one, other


def _texts(row: Row) -> tuple[str, str]:
    return plainly(row.given()), plainly(row.target())


def _batches(items: Iterator[tuple[int, str, str]]) -> Iterator[list[tuple[int, str, str]]]:
    batch, size = list[tuple[int, str, str]](), 0
    for item in items:
        batch.append(item)
        size += len(item[1]) + len(item[2])
        if size > _CHARACTERS:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
