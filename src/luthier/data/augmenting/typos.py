"""Texts with slips of a key."""

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

_KEYS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_LEAST_LETTERS = 3
"""Shorter words are other words after a slip."""


class Config(ComponentConfig):
    """How many rows, and how much of each."""

    per_row: float = Field(1.0, gt=0, le=100)
    """New rows for every row of train; 0.5: for every other one."""
    words: float = Field(0.1, gt=0, le=1)
    """Share of words with one slip; usual 0.05 to 0.2."""


def _neighbours() -> dict[str, str]:
    """Letter -> those beside, above and below it; keys of a row lie half a key to the right."""
    found: dict[str, str] = {}
    for number, keys in enumerate(_KEYS):
        for at, key in enumerate(keys):
            above = _KEYS[number - 1][at : at + 2] if number else ""
            below = _KEYS[number + 1][max(at - 1, 0) : at + 1] if number + 1 < len(_KEYS) else ""
            found[key] = keys[max(at - 1, 0) : at] + keys[at + 1 : at + 2] + above + below
    return found


NEIGHBOURS = _neighbours()
"""Of each letter on a keyboard that begins with QWERTY."""


@augmenters.add
class Typos:
    """Gives some words a slip: a neighbouring key, or a letter lost, doubled or swapped with the
    next. The first letter stays, and so do code, addresses and numbers.

    Source: Belinkov & Bisk 2018, arXiv:1711.02173, section 3 (Swap, Key), and letters lost and
    doubled.
    """

    Config = Config
    short: ClassVar[str] = "per_row"
    why: ClassVar[str] = "slips of a key"
    works_on: ClassVar[str] = "texts with words of three letters or more"

    def __init__(self, config: Config) -> None:
        self._config, self.per_row = config, config.per_row

    def study(self, rows: Sequence[Row], numbers: Sequence[int]) -> None:
        """Nothing has to be known."""
        del rows, numbers

    def new(self, row: Row, draws: random.Random, copy: int) -> Row | None:
        """The row with other slips each time."""
        del copy
        return row.varied(partial(_slips, self._config, draws), moves=False)


def _slips(config: Config, draws: random.Random, text: str) -> Iterator[Edit]:
    for word in words(text):
        if len(word[0]) >= _LEAST_LETTERS and draws.random() < config.words:
            yield from _slip(word[0], word.start(), draws)


def _slip(word: str, start: int, draws: random.Random) -> Iterator[Edit]:
    """Changes of single letters, so that each stays in its token."""
    at = draws.randrange(1, len(word))
    letter, place = word[at], start + at
    kind = draws.choice(["key", "lose", "double", "swap"])
    near = NEIGHBOURS.get(letter.lower(), "")
    if not letter.isalpha():
        return
    if kind == "key" and near:
        key = draws.choice(near)
        yield Edit(place, place + 1, key.upper() if letter.isupper() else key)
    elif kind == "lose":
        yield Edit(place, place + 1, "")
    elif kind == "double":
        yield Edit(place, place + 1, letter * 2)
    elif kind == "swap" and at + 1 < len(word) and word[at + 1].isalpha():
        yield Edit(place, place + 1, word[at + 1])
        yield Edit(place + 1, place + 2, letter)
