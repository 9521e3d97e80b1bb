"""What stands on a printed page: words with their places, and rows of them as lines."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

_OFF_BASE = 0.45
"""Of its size, how far the foot of a word may be from that of its line; indices are no lines."""
_BACK = 2.0
"""Sizes by which a word may stand to the left of the end of the one before it."""
_WIDE = 2.0
"""Sizes of a gap that is no space between words."""
_DOTS = re.compile(r" ?(?:\. ?){6,}")
"""Those that lead to the number of a page."""


@dataclass(frozen=True, slots=True)
class Word:
    """Characters without a blank. Lengths are in points, upwards and to the right."""

    text: str
    left: float
    right: float
    base: float
    """Where it stands, in height."""
    size: float
    turn: int
    """Quarters of a circle by which it is turned; places are those of the page turned back."""
    bold: bool
    fixed: bool
    """All letters are as wide as each other, as in code."""
    begins: bool
    """The page itself begins a line here."""


@dataclass(frozen=True, slots=True)
class Line:
    """A row of words."""

    text: str
    left: float
    right: float
    base: float
    size: float
    """Of its largest word: capitals of abbreviations and marks of notes are often smaller."""
    turn: int
    bold: bool
    fixed: bool
    first: float
    """Width of what could have stood at the end of the line before."""
    has_cells: bool
    """It has gaps or rows of dots, as in tables and lists of contents."""

    @classmethod
    def of(cls, words: Sequence[Word]) -> Line:
        """The row as a line."""
        lettered = [word for word in words if any(map(str.isalnum, word.text))] or list(words)
        longer = [word for word in lettered if len(word.text) > 1] or lettered
        largest, start = max(longer, key=lambda word: word.size), words[0]
        is_fixed = all(word.fixed for word in lettered)
        spaced = _spaced(words) if is_fixed else " ".join(word.text for word in words)
        text = _DOTS.sub(" ... ", spaced)
        return cls(
            text=text,
            left=min(word.left for word in words),
            right=max(word.right for word in words),
            base=largest.base,
            size=largest.size,
            turn=largest.turn,
            bold=all(word.bold for word in lettered),
            fixed=is_fixed,
            first=start.size if is_wide(start.text[0]) else start.right - start.left,
            has_cells=text != spaced or any(gap > _WIDE * largest.size for gap in _gaps(words)),
        )


def _gaps(words: Sequence[Word]) -> Iterator[float]:
    return (b.left - a.right for a, b in pairwise(words))


def _spaced(words: Sequence[Word]) -> str:
    """Words with as many blanks between them as have room there."""
    longest = max(words, key=lambda word: len(word.text))
    width = (longest.right - longest.left) / len(longest.text) or 1.0
    blanks = [" " * max(round(gap / width), 1) for gap in _gaps(words)]
    return "".join(word.text + blank for word, blank in zip(words, [*blanks, ""], strict=True))


def rows(words: Iterable[Word]) -> list[list[Word]]:
    """Words that stand on one line, in the order in which they were written."""
    found: list[list[Word]] = []
    for word in words:
        if found and _stands_in(word, found[-1]):
            found[-1].append(word)
        else:
            found.append([word])
    return found


def is_wide(character: str) -> bool:
    """Whether it is of a script that puts no blanks between words (Han, kana)."""
    return unicodedata.east_asian_width(character) in "WF"


def _stands_in(word: Word, row: Sequence[Word]) -> bool:
    largest, last = max(row[-8:], key=lambda other: other.size), row[-1]
    size = max(largest.size, word.size)
    if word.turn != last.turn or abs(word.base - largest.base) > _OFF_BASE * size:
        return False
    # scripts that run to the left go back with every word, but begin no line there
    return not (word.begins and word.left < last.right - _BACK * size)
