"""How a model is asked for pairs made from a passage, and asked the questions anew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from luthier.core.errors import RecipeError
from luthier.core.hints import did_you_mean
from luthier.data.rows import Chat, Message, Row
from luthier.data.screens.round_trip import NOT_THERE

_PAIRS = """Passage:
{passage}

{task} Use the passage alone, keep its numbers and names, and write in its language. Who reads \
{it} does not see the passage: name what it is about, and do not speak of "the passage".
Reply with a JSON array and nothing else, such as:
[{{"{asked}": "{example[0]}", "{answered}": "{example[1]}"}}]"""
_ANEW = """{how} If the passage does not hold what that takes, reply {not_there}.

Passage:
{passage}

{what}: {question}"""


@dataclass(frozen=True, slots=True)
class Wording:
    """One kind of pairs."""

    task: str
    it: str
    asked: str
    answered: str
    example: tuple[str, str]
    how: str
    is_free: bool
    """Answers are in words of their own, and no facts."""
    longest_anew: int
    """Tokens of an answer to a question asked anew; 0: as long as the model may write."""

    def pairs(self, passage: Row, number: int) -> Chat:
        """What asks for so many pairs."""
        text = _PAIRS.format(
            task=self.task.format(number=number),
            it=self.it,
            asked=self.asked,
            answered=self.answered,
            example=self.example,
            passage=passage.given(),
        )
        return _said(passage, text)

    def anew(self, passage: Row, question: str) -> Chat:
        """What asks the question, with the passage at hand."""
        text = _ANEW.format(
            how=self.how,
            not_there=NOT_THERE,
            passage=passage.given(),
            what=self.asked.capitalize(),
            question=question,
        )
        return _said(passage, text)


WORDINGS: Mapping[str, Wording] = {
    "qa": Wording(
        task="Write {number} different questions that it answers, each with its short answer.",
        it="a question",
        asked="question",
        answered="answer",
        example=("When was the harbour of Varna built?", "In 1906"),
        how="Answer the question from the passage, as shortly as you can.",
        is_free=False,
        longest_anew=256,
    ),
    "instruction": Wording(
        task="Write {number} different tasks for an assistant (explain, list, compare, advise, "
        "sum up) that can be done with what the passage says, each with the response.",
        it="a task",
        asked="instruction",
        answered="response",
        example=("List the harbours of Bulgaria.", "Varna and Burgas"),
        how="Do what the instruction asks, with what the passage says.",
        is_free=True,
        longest_anew=0,
    ),
}


def wording_of(kind: str) -> Wording:
    """Raises: RecipeError: there is none of that name."""
    if kind not in WORDINGS:
        raise RecipeError(f"--kind '{kind}': unknown{did_you_mean(kind, WORDINGS)}")
    return WORDINGS[kind]


def _said(passage: Row, text: str) -> Chat:
    return Chat(origin=passage.origin, messages=(Message("user", text),))
