"""The words of rows: how many there are, how often they come, and in which languages."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_MOST_FREQUENT = 30


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Words are runs of letters and digits, in lower case."""

    num_words: int
    """In all texts."""
    num_different: int
    once_share: float
    """Of the different words: those that come once."""
    most_frequent: list[tuple[str, int]]


def vocabulary(texts: Iterable[str]) -> Vocabulary:
    """Of all texts together."""
    counted: Counter[str] = Counter()
    for text in texts:
        counted.update(_WORD.findall(text.lower()))
    once = sum(number == 1 for number in counted.values())
    return Vocabulary(
        counted.total(),
        len(counted),
        round(once / max(1, len(counted)), 4),
        counted.most_common(_MOST_FREQUENT),
    )
