"""Rows with too little to learn from."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import ClassVar

from pydantic import Field

from luthier.core.config import ComponentConfig
from luthier.data.cleaning import cleaners
from luthier.data.cleaning.contract import Change
from luthier.data.rows import Row


class Config(ComponentConfig):
    """The least that a row must hold."""

    given: int = Field(2, ge=0)
    """Characters of what the model is given, letters and digits only."""
    target: int = Field(1, ge=0)
    """Characters of the target, letters and digits only; rows with classes have none to count."""


@cleaners.add
class ShortTexts:
    """Leaves out rows of nothing but signs, or shorter than asked for."""

    Config = Config
    short: ClassVar[str] = "target"
    rank: ClassVar[int] = 50
    harm: ClassVar[str] = "there is nothing in them from which the answer could be known"
    weight: ClassVar[float] = 0.3
    stops_from: ClassVar[float] = math.inf
    is_usual: ClassVar[bool] = True

    def __init__(self, config: Config) -> None:
        self._config = config

    def changes(self, rows: Sequence[Row], beside: Sequence[Row]) -> Iterator[Change]:
        """Rows below either length."""
        del beside
        for at, row in enumerate(rows):
            has_class = bool(row.stratum() or row.brings())
            if row.shown() == row.given() and _length(row.given()) < self._config.given:
                yield Change(at, "hardly anything given", found=row.given())
            elif not has_class and row.target() and _length(row.target()) < self._config.target:
                yield Change(at, "hardly any target", found=row.target())


def _length(text: str) -> int:
    return sum(map(str.isalnum, text))
