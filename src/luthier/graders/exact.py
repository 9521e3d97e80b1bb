"""The completion is the right answer, word for word."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

from luthier.core.answers import normalised
from luthier.core.config import ComponentConfig
from luthier.graders._registry import graders
from luthier.graders.contract import Answer, Score


class Config(ComponentConfig):
    """Comparison with the reference."""

    compare: Literal["normalised", "literal"] = "normalised"
    """normalised: without case, spaces, outer quotes and a final full stop; literal: as it is."""
    where: Literal["whole", "end", "anywhere"] = "whole"
    """The completion is the answer, ends with it, or holds it."""


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
        if self.config.where == "anywhere":
            return wanted in said
        return said.endswith(wanted) if self.config.where == "end" else said == wanted
