"""Texts in which some words are left out and some change places."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from functools import partial
from typing import ClassVar

from pydantic import Field

from luthier.core.config import ComponentConfig
from luthier.data.augmenting import augmenters
from luthier.data.augmenting._prose import words
from luthier.data.edits import Edit
from luthier.data.rows import Row


class Config(ComponentConfig):
    """How many rows, and how much of each. Shares are of words."""

    per_row: float = Field(1.0, gt=0, le=100)
    """New rows for every row of train; 0.5: for every other one."""
    drop: float = Field(0.1, ge=0, lt=1)
    """Words left out; usual 0.05 to 0.2."""
    swap: float = Field(0.1, ge=0, le=1)
    """Words that change places with another."""


@augmenters.add
class Words:
    """Leaves words out and swaps some. Words with a tag stay, and so does one word at the least.

    Source: Wei & Zou 2019, arXiv:1901.11196, section 2: random deletion and random swap. We make
    both in one new row, and leave code, addresses and numbers as they are.
    """

    Config = Config
    short: ClassVar[str] = "per_row"
    why: ClassVar[str] = "words left out or swapped"
    works_on: ClassVar[str] = "texts of several words"

    def __init__(self, config: Config) -> None:
        self._config, self.per_row = config, config.per_row

    def study(self, rows: Sequence[Row], numbers: Sequence[int]) -> None:
        """Nothing has to be known."""
        del rows, numbers

    def new(self, row: Row, draws: random.Random, copy: int) -> Row | None:
        """The row with other words missing and swapped each time."""
        del copy
        return row.varied(partial(_changed, self._config, draws), moves=True)


def _changed(config: Config, draws: random.Random, text: str) -> Iterator[Edit]:
    found = words(text)
    if len(found) < 2:
        return
    is_left_out = [draws.random() < config.drop for _ in found]
    if all(is_left_out):
        is_left_out[draws.randrange(len(found))] = False
    new = {at: "" for at, gone in enumerate(is_left_out) if gone}
    # two places for each swap
    movable = [at for at in range(len(found)) if at not in new and draws.random() < config.swap]
    draws.shuffle(movable)
    for one, other in zip(movable[::2], movable[1::2], strict=False):
        new |= {one: found[other][0], other: found[one][0]}
    for at in sorted(new):
        start, end = found[at].span()
        if not new[at]:  # with the space behind it
            end += text[end : end + 1] == " "
        yield Edit(start, end, new[at])
