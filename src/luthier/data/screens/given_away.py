"""Questions that hold their own answer."""

from __future__ import annotations

from typing import ClassVar

from luthier.data.comparing import contains, content_words, numbers
from luthier.data.screens import screens
from luthier.data.screens.contract import Made


@screens.add
class GivenAway:
    """Answers that stand word for word in their question, which then teaches to repeat.

    Source: the answer must not overlap the question in Lewis et al. 2021, arXiv:2102.07033 (PAQ),
    section 3.3. Yes and no are answers; so is one of two that a question names.
    """

    rank: ClassVar[int] = 30
    needs_again: ClassVar[bool] = False

    def objection(self, made: Made) -> str:
        """The answer that is there already."""
        told = content_words(made.answer) or numbers(made.answer)
        is_choice = " or " in made.question or " oder " in made.question
        if made.is_free or not told or is_choice or not contains(made.question, made.answer):
            return ""
        return "the question holds its answer"
