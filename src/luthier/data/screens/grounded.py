"""Answers of which the passage does not speak."""

from __future__ import annotations

from typing import ClassVar

from luthier.data.comparing import content_words, numbers, words
from luthier.data.screens import screens
from luthier.data.screens.contract import Made

LEAST_SHARE, LEAST_SHARE_FREE = 0.7, 0.5
"""Of the content words of an answer that must stand in the passage or the question."""
_STEM = 5
"""Letters by which words are compared, so that endings may differ."""


@screens.add
class Grounded:
    """Answers with a number that is not in the passage, or most words of which are not.

    A word counts as there when one with the same first 5 letters is; of answers in words of their
    own half must be, of others 70 %.
    Source: coverage of Grusky et al. 2018, arXiv:1804.11283, equation 1, with the numbers apart, as
    a wrong one is the usual invention.
    """

    rank: ClassVar[int] = 40
    needs_again: ClassVar[bool] = False

    def objection(self, made: Made) -> str:
        """The numbers or words that are not there."""
        told = f"{made.passage}\n{made.question}"
        strange = sorted(numbers(made.answer) - numbers(told))
        if strange:
            return f"the passage has no {', '.join(strange)}"
        known = {word[:_STEM] for word in words(told)}
        used = content_words(made.answer)
        missing = [word for word in used if word[:_STEM] not in known]
        least = LEAST_SHARE_FREE if made.is_free else LEAST_SHARE
        if len(missing) > (1 - least) * len(used):
            return f"not in the passage: {', '.join(missing[:5])}"
        return ""
