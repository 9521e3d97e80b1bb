"""Questions and answers of hardly a word, or longer than what they were made from."""

from __future__ import annotations

from typing import ClassVar

from luthier.data.comparing import words
from luthier.data.screens import screens
from luthier.data.screens.contract import Made

FEWEST_WORDS, MOST_CHARACTERS = 3, 1000
"""Of a question."""
FEWEST_FREE = 3
"""Words of an answer in words of its own."""


@screens.add
class Length:
    """Questions of less than 3 words or more than 1000 characters, and answers without a word or
    longer than their passage.

    Source: the length rules of Wang et al. 2023, arXiv:2212.10560 (Self-Instruct), section 2.2.
    """

    rank: ClassVar[int] = 10
    needs_again: ClassVar[bool] = False

    def objection(self, made: Made) -> str:
        """Which of the two, and how long it is."""
        asked, answered = len(words(made.question)), len(words(made.answer))
        if asked < FEWEST_WORDS or len(made.question) > MOST_CHARACTERS:
            return f"the question has {asked} words and {len(made.question)} characters"
        if answered < (FEWEST_FREE if made.is_free else 1):
            return f"the answer has {answered} words"
        if len(made.answer) > len(made.passage):
            return f"the answer has {len(made.answer)} characters, its passage {len(made.passage)}"
        return ""
