"""Lines that stand at the same place of many pages: their heads, feet and numbers."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from luthier.data.printed.words import Line

_FEWEST_PAGES = 3
_DEEP = 2
"""Heights, from the top and from the bottom, at which such lines stand."""
_SHARE, _SHARE_WITHIN, _SHARE_LARGE = 0.05, 0.2, 0.5
"""Of all pages, how many must have a line: the outermost, the next, and one set larger."""
_NEAR = 2.0
"""Points by which their height may differ."""
_NUMBER = re.compile(r"\d+|^[ivxlc]{1,8}\b|\b[ivxlc]{1,8}$")
"""At the beginning and at the end also as the Romans wrote it."""
_NOT_SMALLER = 1.1
"""A line this much larger than most is a heading, wherever it stands."""
_FAR_LARGER = 1.3
"""A line with letters this much larger than most is a heading, though it counts with the pages."""
_LETTER = re.compile(r"[^\W\d_]")
_ROMAN = {"i": 1, "v": 5, "x": 10, "l": 50, "c": 100}


@dataclass(frozen=True, slots=True)
class _End:
    """A line at the top (0) or the bottom (1) of a page."""

    page: int
    line: Line
    place: int
    is_outer: bool
    words: str
    """Its text, with 0 for each number."""


def without_running(
    pages: Sequence[Sequence[Line]], usual_size: float
) -> tuple[list[list[Line]], int]:
    """The pages without them, and how many lines that were.

    A line is one of them if three pages have it, but for its numbers, at the same height, more
    where it may be a heading or text; and what is no larger than most text, where at least half
    of such lines are. The head of the first page stays: it is often the title. So does a head
    with a number that goes up, but not with the pages ("Chapter 2"), where it comes first.
    Args: usual_size: of most text.
    """
    ends = [end for number, page in enumerate(pages) for end in _ends(number, page)]
    again = _again(ends, usual_size, num_pages=len(pages))
    headings = _headings(ends, again, usual_size)
    spots = _spots(ends, again)
    out: dict[int, set[int]] = defaultdict(set)
    for number, end in enumerate(ends):
        is_small = end.is_outer and end.line.size < _NOT_SMALLER * usual_size
        if (number in again or (is_small and _spot(end) in spots)) and not (
            number in headings or _is_title(end)
        ):
            out[end.page].add(id(end.line))
    kept = [[line for line in page if id(line) not in out[at]] for at, page in enumerate(pages)]
    return kept, sum(map(len, out.values()))


def _ends(number: int, page: Sequence[Line]) -> Iterator[_End]:
    heights = sorted({round(line.base) for line in page}, reverse=True)
    for place, deep in ((0, heights[:_DEEP]), (1, heights[: -_DEEP - 1 : -1])):
        for line in page:
            height = round(line.base)
            if height in deep:
                words = _NUMBER.sub("0", line.text)
                yield _End(number, line, place, height == deep[0], words)


def _again(ends: Sequence[_End], usual_size: float, *, num_pages: int) -> set[int]:
    """Numbers of those that enough pages have."""
    same: dict[tuple[int, str], list[tuple[float, int]]] = defaultdict(list)
    for number, end in enumerate(ends):
        same[end.place, end.words].append((end.line.base, number))
    found: set[int] = set()
    for held in same.values():
        heights = sorted(base for base, _ in held)
        for base, number in held:
            is_large = ends[number].line.size >= _NOT_SMALLER * usual_size
            share = _SHARE if ends[number].is_outer else _SHARE_WITHIN
            least = max(_FEWEST_PAGES, num_pages * (_SHARE_LARGE if is_large else share))
            near = bisect_right(heights, base + _NEAR) - bisect_left(heights, base - _NEAR)
            if near >= least:
                found.add(number)
    return found


def _headings(ends: Sequence[_End], again: set[int], usual_size: float) -> set[int]:
    """Numbers of those heads that come again, and are headings or the title where they come first.

    What counts with the pages is their number, unless it is set as headings are.
    """
    same: dict[str, list[int]] = defaultdict(list)
    for number in sorted(again):
        end = ends[number]
        if end.place == 0 and end.is_outer and _LETTER.search(_NUMBER.sub("", end.line.text)):
            same[end.words].append(number)
    found: set[int] = set()
    for held in same.values():
        texts = [ends[number].line.text for number in held]
        is_large = ends[held[0]].line.size >= _FAR_LARGER * usual_size
        if len(set(texts)) == 1:
            found.update(number for number in held[:1] if ends[number].page == 0)
        elif is_large or not _counts_pages([ends[number] for number in held]):
            firsts = (at for at, text in enumerate(texts) if at == 0 or text != texts[at - 1])
            found.update(held[at] for at in firsts)
    return found


def _counts_pages(held: Sequence[_End]) -> bool:
    """Whether a number in the lines goes up as the pages do, between most of them."""
    numbers = [[_value(word) for word in _NUMBER.findall(end.line.text)] for end in held]
    steps = [later.page - earlier.page for earlier, later in pairwise(held)]
    for column in zip(*numbers, strict=False):
        risen = [later - earlier for earlier, later in pairwise(column)]
        if 2 * sum(map(int.__eq__, risen, steps)) > len(steps):
            return True
    return False


def _value(number: str) -> int:
    if number.isdecimal():
        return int(number[:9])
    digits = [_ROMAN[letter] for letter in number]
    return sum(-one if one < later else one for one, later in pairwise([*digits, 0]))


def _spots(ends: Sequence[_End], again: set[int]) -> set[tuple[int, int, int]]:
    """Where most lines come again."""
    held: dict[tuple[int, int, int], list[bool]] = defaultdict(list)
    for number, end in enumerate(ends):
        if end.is_outer:
            held[_spot(end)].append(number in again)
    return {
        spot
        for spot, found in held.items()
        if sum(found) >= _FEWEST_PAGES and 2 * sum(found) >= len(found)
    }


def _spot(end: _End) -> tuple[int, int, int]:
    return end.place, round(end.line.base), round(end.line.size)


def _is_title(end: _End) -> bool:
    return end.page == 0 and end.place == 0 and "0" not in end.words
