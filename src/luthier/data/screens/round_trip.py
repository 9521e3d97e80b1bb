"""Answers that the model does not give when it reads passage and question anew."""

from __future__ import annotations

from typing import ClassVar

from luthier.data.comparing import contains, denies, numbers, overlap
from luthier.data.screens import screens
from luthier.data.screens.contract import Made

LEAST_OVERLAP, LEAST_OVERLAP_FREE = 0.5, 0.3
"""F1 of the words of both answers."""
NOT_THERE = "NOT IN THE PASSAGE"
"""What the model is told to say where the passage holds no answer."""


@screens.add
class RoundTrip:
    """Pairs whose question the model answers otherwise, with the passage and without the answer.

    Two facts agree when the words of one stand in the other or overlap (F1 of at least 0.5), and
    neither has a number or a denial against the other; answers in words of their own when they
    overlap (F1 of at least 0.3).
    Source: roundtrip consistency of Alberti et al. 2019, arXiv:1906.05416, section 2, and Puri et
    al. 2020, arXiv:2002.09599, section 2.3. There a reader marks a span, and both must be equal;
    here a model writes, so that they must agree.
    """

    rank: ClassVar[int] = 50
    needs_again: ClassVar[bool] = True

    def objection(self, made: Made) -> str:
        """What was answered instead."""
        again = made.again.strip()
        if not again or NOT_THERE.casefold() in again.casefold():
            return "read anew, the passage does not answer the question"
        has_agreed = _is_alike if made.is_free else _is_same
        return "" if has_agreed(made.answer, again) else "read anew, the answer is another"


def _is_alike(one: str, other: str) -> bool:
    return overlap(one, other) >= LEAST_OVERLAP_FREE


def _is_same(one: str, other: str) -> bool:
    ours, theirs = numbers(one), numbers(other)
    if not (ours <= theirs or theirs <= ours) or denies(one) != denies(other):
        return False
    return contains(one, other) or contains(other, one) or overlap(one, other) >= LEAST_OVERLAP
