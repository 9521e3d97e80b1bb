"""The completion has the form that a regular expression describes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import regex
from pydantic import Field, field_validator

from luthier.core.answers import normalised
from luthier.core.config import ComponentConfig
from luthier.core.errors import RecipeError
from luthier.graders._registry import graders
from luthier.graders.contract import Answer, Score


class Config(ComponentConfig):
    """The form of a good completion."""

    pattern: str
    """A regular expression as in Python; (?s), (?i) and (?m) at its start set flags."""
    where: Literal["anywhere", "whole"] = "anywhere"
    """The form is found somewhere, or the whole completion has it."""
    group: int = Field(0, ge=0)
    """Compare this group of the match with the reference as well (0: the form alone counts)."""
    seconds: float = Field(1.0, gt=0)
    """A pattern that takes longer on one completion is refused: it would hold up training."""

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, value: str) -> str:
        try:
            regex.compile(value)
        except regex.error as error:
            raise ValueError(f"expected a regular expression: {error}") from None
        return value


@graders.add
class Regex:
    """1 where the completion has the form, and with `group` also says what the reference says."""

    Config = Config
    needs_reference: ClassVar[bool] = False

    def __init__(self, config: Config) -> None:
        self.config = config
        self._pattern: Any = regex.compile(config.pattern)

    def bounds(self) -> tuple[float, float]:
        return 0.0, 1.0

    def check(self, rows: Sequence[Answer]) -> list[str]:
        """Raises: RecipeError: the pattern has no such group, or a reference is missing."""
        if self.config.group > self._pattern.groups:
            raise RecipeError(
                f"grader regex.group: got {self.config.group}, but the pattern has "
                f"{self._pattern.groups} groups. Put parentheses around what is to be compared"
            )
        if self.config.group and (bare := next((r for r in rows if not r.reference), None)):
            raise RecipeError(
                f"{bare.origin}: no right answer, which grader regex.group compares with. Set "
                "group to 0, or name the column: data.columns = {reference: NAME}"
            )
        return []

    def grade(self, answers: Sequence[Answer]) -> list[Score]:
        return [Score(float(self._fits(item))) for item in answers]

    def close(self) -> None:
        """Nothing is open."""

    def _fits(self, item: Answer) -> bool:
        search = self._pattern.fullmatch if self.config.where == "whole" else self._pattern.search
        try:
            found = search(item.completion, timeout=self.config.seconds)
        except TimeoutError:
            raise RecipeError(
                f"grader regex.pattern {self.config.pattern!r}: took more than "
                f"{self.config.seconds:g} s on a completion of {len(item.completion)} characters "
                f"({item.origin}). Nested repeats such as (a+)+ do that; write it without them"
            ) from None
        if found is None or not self.config.group:
            return found is not None
        return normalised(found[self.config.group] or "") == normalised(item.reference)
