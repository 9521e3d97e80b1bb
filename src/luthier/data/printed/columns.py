"""The order of lines on a page of two columns that was written across both."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from statistics import median

from luthier.data.printed.words import Word

Row = list[Word]
_FEWEST = 6
"""Rows that must have the gap between columns."""
_LEAST_GAP = 1.0
"""Sizes."""
_FULL, _FEWEST_WORDS = 0.6, 3
"""How much of their column lines fill, and how many words they have, at the median: cells of
tables have less."""


def in_order(found: Sequence[Row]) -> list[Row]:
    """Rows column by column, from one line across both to the next; as they are where there are
    no columns, or where the page has them in order already."""
    middle = _middle(found)
    if middle is None:
        return list(found)
    ordered: list[Row] = []
    left, right = list[Row](), list[Row]()
    for row in found:
        first, second = _cut(row, middle)
        if first and second and not _has_gap(first, second):  # it stands across both
            ordered += [*left, *right, row]
            left, right = [], []
            continue
        left += [first] if first else []
        right += [second] if second else []
    return [*ordered, *left, *right]


def _middle(found: Sequence[Row]) -> float | None:
    """Where the gap between two columns of running text is."""
    gaps = [gap for row in found for gap in _gaps(row)]
    gaps += [gap for a, b in pairwise(found) for gap in _beside(a, b)]
    if len(gaps) < _FEWEST:
        return None
    places = [(start + end) / 2 for start, end in gaps]
    counted = {place: sum(start < place < end for start, end in gaps) for place in places}
    place = max(counted, key=lambda place: counted[place])
    return place if counted[place] >= _FEWEST and _is_prose(found, place) else None


def _gaps(row: Row) -> Iterable[tuple[float, float]]:
    return ((a.right, b.left) for a, b in pairwise(row) if b.left - a.right > _LEAST_GAP * a.size)


def _beside(a: Row, b: Row) -> Iterable[tuple[float, float]]:
    """The gap between rows that stand beside each other on lines of unlike height."""
    is_beside = abs(a[-1].base - b[0].base) < a[-1].size
    return _gaps([a[-1], b[0]]) if is_beside and a[-1].turn == b[0].turn else ()


def _cut(row: Row, middle: float) -> tuple[Row, Row]:
    """What stands on the left and on the right."""
    first = [word for word in row if (word.left + word.right) / 2 < middle]
    return first, [word for word in row if (word.left + word.right) / 2 >= middle]


def _has_gap(first: Row, second: Row) -> bool:
    return second[0].left - first[-1].right > _LEAST_GAP * first[-1].size / 2


def _is_prose(found: Sequence[Row], middle: float) -> bool:
    """Whether both sides are lines of text, and no cells."""
    cut = [_cut(row, middle) for row in found]
    cut = [(a, b) for a, b in cut if not (a and b) or _has_gap(a, b)]
    for side in ([a for a, _ in cut if a], [b for _, b in cut if b]):
        if len(side) < _FEWEST:
            return False
        widths = [row[-1].right - row[0].left for row in side]
        whole = max(row[-1].right for row in side) - min(row[0].left for row in side)
        is_full = median(widths) > _FULL * whole
        if not is_full or median(len(row) for row in side) < _FEWEST_WORDS:
            return False
    return True
