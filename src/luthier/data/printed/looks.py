"""What most of a document looks like: the measure for headings and for the ends of paragraphs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from luthier.data.printed.words import Line

_USUAL_PITCH = 1.2
_LIKE = 0.08
"""Share by which sizes of one text may differ."""


@dataclass(frozen=True, slots=True)
class Looks:
    """Of most characters."""

    size: float
    share: float
    """Of all characters, how many have this size."""
    bold: bool
    fixed: bool
    pitch: float
    """From line to line, in sizes."""

    @classmethod
    def of(cls, pages: Sequence[Sequence[Line]]) -> Looks:
        """Those of a document, weighed by characters."""
        lines = [line for page in pages for line in page]
        total = max(sum(len(line.text) for line in lines), 1)
        fixed = 2 * sum(len(line.text) for line in lines if line.fixed) > total
        text = [line for line in lines if line.fixed == fixed] or lines
        sizes: Counter[float] = Counter()
        for line in text:
            sizes[_rounded(line.size)] += len(line.text)
        size, count = sizes.most_common(1)[0] if sizes else (1.0, 0)
        usual = [line for line in text if _rounded(line.size) == size]
        bold = 2 * sum(len(line.text) for line in usual if line.bold) > count
        share = count / max(sum(sizes.values()), 1)
        return cls(size, share, bold, fixed, _pitch(pages))


def is_like(one: float, other: float) -> bool:
    """Whether these are sizes of one text."""
    return abs(one - other) <= _LIKE * max(one, other)


def _rounded(size: float) -> float:
    return round(2 * size) / 2


def _pitch(pages: Sequence[Sequence[Line]]) -> float:
    drops = Counter(
        round((a.base - b.base) / a.size, 1)
        for page in pages
        for a, b in pairwise(page)
        if is_like(a.size, b.size) and a.turn == b.turn
    )
    found = [(count, drop) for drop, count in drops.items() if 0.8 < drop < 3]
    return max(found)[1] if found else _USUAL_PITCH
