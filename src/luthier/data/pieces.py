"""A text as words with their places, and spans of characters as tags of those words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_WITHOUT_SPACES = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
)
"""Scripts that put no space between words (Thai, Lao, Burmese, Khmer, kana, Han): every character
counts as a word."""
_WORD = re.compile(rf"[{_WITHOUT_SPACES}]|[^\W_{_WITHOUT_SPACES}]+|[^\w\s]|_")


@dataclass(frozen=True, slots=True)
class Labelled:
    """Characters [start, end) and what they are."""

    start: int
    end: int
    label: str


def words_of(text: str) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Runs of letters and digits, and every other visible character alone; and where each
    begins."""
    found = list(_WORD.finditer(text))
    return tuple(match[0] for match in found), tuple(match.start() for match in found)


def tags_of(
    words: Sequence[str], starts: Sequence[int], spans: Sequence[Labelled]
) -> tuple[list[str], list[str]]:
    """BIO tags of the words, and what had to be left out or widened, in words."""
    tags = ["O"] * len(words)
    remarks: list[str] = []
    for span in sorted(spans, key=lambda item: (item.start - item.end, item.start)):  # long first
        inside = [
            place
            for place, (word, start) in enumerate(zip(words, starts, strict=True))
            if start < span.end and start + len(word) > span.start
        ]
        if not inside:
            remarks.append("an entity of white space left out")
            continue
        if any(tags[place] != "O" for place in inside):
            remarks.append("an entity inside or across another left out (the longer one is kept)")
            continue
        first, last = inside[0], inside[-1]
        if starts[first] < span.start or starts[last] + len(words[last]) > span.end:
            remarks.append("an entity that ends within a word widened to the whole word")
        tags[first] = f"B-{span.label}"
        for place in inside[1:]:
            tags[place] = f"I-{span.label}"
    return tags, remarks
