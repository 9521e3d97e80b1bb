"""The completion is as long as it should be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from luthier.core.config import ComponentConfig
from luthier.core.errors import RecipeError
from luthier.graders._registry import graders
from luthier.graders.contract import Answer, Score


class Config(ComponentConfig):
    """A range of lengths that is right, and how fast the score falls outside it."""

    unit: Literal["words", "characters", "tokens"] = "words"
    """What is counted; tokens are those of the model that wrote the completion."""
    least: int = Field(0, ge=0)
    """Shortest length that scores 1."""
    most: int = Field(100, ge=1)
    """Longest length that scores 1."""
    fade: int = Field(50, ge=0)
    """So far outside the range the score has fallen to 0, in a straight line (0: at once)."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.least > self.most:
            raise ValueError(f"least {self.least} is above most {self.most}")
        return self


@graders.add
class Length:
    """1 within the range, falling to 0 outside it. Meant as one part of `multi`: alone it teaches
    length and nothing else."""

    Config = Config
    needs_reference: ClassVar[bool] = False

    def __init__(self, config: Config) -> None:
        self.config = config

    def bounds(self) -> tuple[float, float]:
        return 0.0, 1.0

    def check(self, rows: Sequence[Answer]) -> list[str]:
        del rows
        return []

    def grade(self, answers: Sequence[Answer]) -> list[Score]:
        """Raises: RecipeError: tokens are to be counted, and nobody knows them."""
        return [Score(self._score(self._length(item))) for item in answers]

    def close(self) -> None:
        """Nothing is open."""

    def _length(self, item: Answer) -> int:
        if self.config.unit == "words":
            return len(item.completion.split())
        if self.config.unit == "characters":
            return len(item.completion)
        if item.completion and not item.num_tokens:
            raise RecipeError(
                "grader length.unit: got 'tokens', but these completions come from a file. "
                "Use words or characters"
            )
        return item.num_tokens

    def _score(self, length: int) -> float:
        outside = max(self.config.least - length, length - self.config.most, 0)
        if not self.config.fade:
            return float(outside == 0)
        return max(0.0, 1.0 - outside / self.config.fade)
