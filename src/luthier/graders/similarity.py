"""The completion says nearly what the reference says.

Source: `edit`: the normalised indel similarity of rapidfuzz; `words`: the same over sorted words
(its token_sort_ratio); `rouge_l`: Lin 2004, the F1 of the longest common subsequence of words.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar, Literal

from rapidfuzz import fuzz
from rouge_score.rouge_scorer import RougeScorer

from luthier.core.answers import normalised
from luthier.core.config import ComponentConfig
from luthier.core.words import Words
from luthier.graders._registry import graders
from luthier.graders.contract import Answer, Score


class Config(ComponentConfig):
    """How likeness of two texts is measured."""

    measure: Literal["rouge_l", "edit", "words"] = "rouge_l"
    """rouge_l: common words in order (characters, in scripts without spaces); edit: characters;
    words: characters of the sorted words."""


@graders.add
class Similarity:
    """From 0, nothing in common, to 1, the same text. For answers that may be worded freely."""

    Config = Config
    needs_reference: ClassVar[bool] = True

    def __init__(self, config: Config) -> None:
        self.config = config

    def bounds(self) -> tuple[float, float]:
        return 0.0, 1.0

    def check(self, rows: Sequence[Answer]) -> list[str]:
        del rows
        return []

    def grade(self, answers: Sequence[Answer]) -> list[Score]:
        measure = _MEASURES[self.config.measure]
        return [Score(measure(item.completion, item.reference)) for item in answers]

    def close(self) -> None:
        """Nothing is open."""


def _edit(said: str, wanted: str) -> float:
    return fuzz.ratio(normalised(said), normalised(wanted)) / 100


def _words(said: str, wanted: str) -> float:
    return fuzz.token_sort_ratio(normalised(said), normalised(wanted)) / 100


_ROUGE = RougeScorer(["rougeL"], tokenizer=Words())


def _rouge_l(said: str, wanted: str) -> float:
    return float(_ROUGE.score(wanted, said)["rougeL"].fmeasure)


_MEASURES: dict[str, Callable[[str, str], float]] = {
    "edit": _edit,
    "words": _words,
    "rouge_l": _rouge_l,
}
