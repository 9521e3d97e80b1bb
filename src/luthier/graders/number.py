"""The number in the completion is the right one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import ClassVar, Literal

from pydantic import Field

from luthier.core.config import ComponentConfig
from luthier.core.errors import DataError
from luthier.graders._registry import graders
from luthier.graders.contract import Answer, Score

_NUMBER = re.compile(r"[-+−]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:[eE][-+]?\d+)?|[-+−]?\.\d+")


class Config(ComponentConfig):
    """Which number of the completion counts, and how near is near enough."""

    take: Literal["last", "first", "only"] = "last"
    """The last number of the completion, the first, or the only one (several: wrong)."""
    after: str = ""
    """Look only behind the last occurrence of this text, such as "####"."""
    tolerance: float = Field(0.0, ge=0)
    """Largest difference that still counts as right."""
    relative_tolerance: float = Field(1e-6, ge=0)
    """The same as a share of the right number."""


@graders.add
class Number:
    """1 where the number in the completion is that of the reference, else 0. Thousands may be
    written 1,000; a reference such as "so 3 + 4 = 7 #### 7" is read the same way."""

    Config = Config
    needs_reference: ClassVar[bool] = True

    def __init__(self, config: Config) -> None:
        self.config = config

    def bounds(self) -> tuple[float, float]:
        return 0.0, 1.0

    def check(self, rows: Sequence[Answer]) -> list[str]:
        """Raises: DataError: a reference holds no number."""
        for row in rows:
            if self._wanted(row.reference) is None:
                raise DataError(
                    f"{row.origin}: the right answer {row.reference[:60]!r} holds no number, which "
                    "grader 'number' compares with.\n    Correct the row, or use another grader"
                )
        return []

    def grade(self, answers: Sequence[Answer]) -> list[Score]:
        return [Score(float(self._is_right(item))) for item in answers]

    def close(self) -> None:
        """Nothing is open."""

    def _is_right(self, item: Answer) -> bool:
        said, wanted = self._found(item.completion), self._wanted(item.reference)
        if said is None or wanted is None:
            return False
        near = max(self.config.tolerance, self.config.relative_tolerance * abs(wanted))
        return abs(said - wanted) <= near

    def _wanted(self, reference: str) -> float | None:
        found = numbers(_behind(reference, self.config.after))
        return found[-1] if found else None

    def _found(self, text: str) -> float | None:
        after = self.config.after
        if after and after not in text:
            return None
        found = numbers(_behind(text, after))
        if not found or (self.config.take == "only" and len(found) > 1):
            return None
        return found[0] if self.config.take == "first" else found[-1]


def numbers(text: str) -> list[float]:
    """Every number in `text`, in order; a minus counts where no word or number stands before it."""
    found: list[float] = []
    for match in _NUMBER.finditer(text):
        word = match[0].replace(",", "").replace("−", "-")
        before = text[match.start() - 1] if match.start() else " "
        if word[0] in "+-" and (before.isalnum() or before == ")"):
            word = word[1:]
        found.append(float(word))
    return found


def is_number(text: str) -> bool:
    """Whether a right answer is a number, with a currency or a percent sign at most, or ends in
    one behind "####" or "="."""
    last = re.split(r"####|=", text)[-1].strip().removesuffix(".").strip("$€£% ")
    return _NUMBER.fullmatch(last) is not None


def _behind(text: str, mark: str) -> str:
    return text.rpartition(mark)[2] if mark else text
