"""The completion is the right answer, word for word."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import ClassVar, Literal
from unicodedata import category

from luthier.core.answers import normalised
from luthier.core.config import ComponentConfig
from luthier.graders._registry import graders
from luthier.graders.contract import Answer, Score

_WORDS = frozenset({"Lu", "Ll", "Lt", "Nd"})
_DIGIT_BEFORE, _DIGIT_AFTER = re.compile(r"\d[.,]$"), re.compile(r"[.,]\d")


class Config(ComponentConfig):
    """Comparison with the reference."""

    compare: Literal["normalised", "literal"] = "normalised"
    """normalised: without case, spaces, outer quotes and a final full stop; literal: as it is."""
    where: Literal["whole", "end", "anywhere"] = "whole"
    """The completion is the answer, ends with it, or holds it: as words or numbers of their own,
    not within others."""


@graders.add
class Exact:
    """1 where the completion is the reference, else 0. For answers that can be said in one way."""

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
        return [Score(float(self._is_right(item))) for item in answers]

    def close(self) -> None:
        """Nothing is open."""

    def _is_right(self, item: Answer) -> bool:
        said, wanted = item.completion, item.reference
        if self.config.compare == "normalised":
            said, wanted = normalised(said), normalised(wanted)
        if self.config.where == "whole" or not wanted:
            return said == wanted
        if self.config.where == "end":
            return said.endswith(wanted) and _stands(said, wanted, len(said) - len(wanted))
        places = (found.start() for found in re.finditer(f"(?={re.escape(wanted)})", said))
        return any(_stands(said, wanted, at) for at in places)


def _stands(said: str, wanted: str, at: int) -> bool:
    """Whether what is found there is no piece of a longer word or number."""
    before, after = said[:at], said[at + len(wanted) :]
    if _joins(before[-1:], wanted[0]) or _joins(wanted[-1], after[:1]):
        return False
    is_fraction = wanted[0].isdigit() and _DIGIT_BEFORE.search(before)
    return not (is_fraction or (wanted[-1].isdigit() and _DIGIT_AFTER.match(after)))


def _joins(left: str, right: str) -> bool:
    return _in_word(left) and _in_word(right)


def _in_word(character: str) -> bool:
    """A letter or digit of a script that puts spaces between words (Lo: others do not, or need
    none, as Chinese)."""
    return bool(character) and (character == "_" or category(character) in _WORDS)
