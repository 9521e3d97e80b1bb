"""Texts in other letters: all small, all capital, or each word with a capital."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import ClassVar, Literal

from pydantic import Field

from luthier.core.config import ComponentConfig
from luthier.data.augmenting import augmenters
from luthier.data.augmenting._prose import words
from luthier.data.edits import Edit
from luthier.data.rows import Row

Case = Literal["lower", "upper", "title"]
_TURNED: Mapping[Case, Callable[[str], str]] = {
    "lower": str.lower,
    "upper": str.upper,
    "title": str.capitalize,
}


class Config(ComponentConfig):
    """How many rows, and which letters."""

    per_row: float = Field(1.0, gt=0, le=100)
    """New rows for every row of train; 0.5: for every other one."""
    cases: list[Case] = Field(default_factory=lambda: ["lower", "upper", "title"], min_length=1)
    """Of these one is drawn for each new row, also twice if it stands there twice."""


@augmenters.add
class Casing:
    """Writes a whole text in small letters, in capitals, or with a capital for each word, as in
    headlines and in what is typed in haste. A model that reads small letters alone is told nothing
    new.

    Source: Mayhew et al. 2019, arXiv:1903.11222: rows as they are beside the same in small letters.
    """

    Config = Config
    short: ClassVar[str] = "per_row"
    why: ClassVar[str] = "capital and small letters"
    works_on: ClassVar[str] = "texts in an alphabet with capitals"

    def __init__(self, config: Config) -> None:
        self._config, self.per_row = config, config.per_row

    def study(self, rows: Sequence[Row], numbers: Sequence[int]) -> None:
        """Nothing has to be known."""
        del rows, numbers

    def new(self, row: Row, draws: random.Random, copy: int) -> Row | None:
        """The row in one of the cases."""
        del copy
        turned = _TURNED[draws.choice(self._config.cases)]
        return row.varied(partial(_turned, turned), moves=False)


def _turned(turned: Callable[[str], str], text: str) -> Iterator[Edit]:
    for word in words(text):
        new = turned(word[0])
        if len(new) != len(word[0]):  # as of a German sharp s, which is two capitals
            continue
        for at, (old, letter) in enumerate(zip(word[0], new, strict=True), start=word.start()):
            if old != letter:
                yield Edit(at, at + 1, letter)
