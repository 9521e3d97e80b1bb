"""Texts changed a little each time they are trained: words left out or swapped, slips of a key."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any, ClassVar, Self

from pydantic import Field, model_validator

from luthier.core.config import ComponentConfig
from luthier.core.errors import LuthierError, RecipeError
from luthier.core.seeds import stream
from luthier.data.features import Features
from luthier.data.rows import Row
from luthier.keeping import keepers
from luthier.keeping.contract import Setting
from luthier.models.bundle import Kind

_FIELDS = ("text", "text_pair")
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


class Config(ComponentConfig):
    """Text augmentation. Shares are of words; each word is changed in one way at most."""

    drop: float = Field(0.05, ge=0, lt=1)
    """Words left out."""
    swap: float = Field(default=0.05, ge=0, lt=1)
    """Words that change places with the next."""
    noise: float = Field(default=0.0, ge=0, lt=1)
    """Words in which two letters change places, or one is doubled, lost or another."""
    rows: float = Field(default=0.5, gt=0, le=1)
    """Share of the rows of an update that are changed."""

    @model_validator(mode="after")
    def _are_shares_of_one(self) -> Self:
        total = self.drop + self.swap + self.noise
        if total > 1:
            raise ValueError(
                f"drop, swap and noise: got {total:g} together, but a word is changed in one way "
                "at most; expected no more than 1"
            )
        return self


@keepers.add
class Augment:
    """Trains changed texts of labelled rows, other ones in every update; the labels stay. A change
    that makes a row too long or leaves nothing of it is not made. Draws are a pure function of
    seed, step and row ("augment").
    Source: Wei & Zou 2019, arXiv:1901.11196, without the synonyms; slips of a key as in Belinkov &
    Bisk 2018, arXiv:1711.02173.
    """

    Config = Config
    short: ClassVar[str] = "drop"
    kinds: ClassVar[frozenset[Kind]] = frozenset({"sequence_classifier"})
    changes_inputs: ClassVar[bool] = True

    def __init__(self, config: Config) -> None:
        self.config = config

    def prepare(self, setting: Setting) -> None:
        """Keep the rows at hand.

        Raises: RecipeError: they hold no text that could be changed.
        """
        self._setting = setting
        row = setting.objective.row
        if "text" not in {field.name for field in fields(row)}:
            raise RecipeError(
                f"recipe keep.augment: rows of this objective are {row.shape()}, and only plain "
                "texts with a label can be changed without changing what is right. Leave it out"
            )

    def change(self, features: Sequence[Features], step: int) -> list[Features]:
        """The rows of an update, some of their texts changed."""
        return [self._changed(item, step) for item in features]

    def _changed(self, item: Features, step: int) -> Features:
        draws = stream(self._setting.seed, "augment", step, item.row)
        if item.cut_tokens or draws.random() >= self.config.rows:
            return item
        row: Any = self._setting.rows[item.row]
        texts = {
            name: changed(getattr(row, name), self.config, draws)
            for name in _FIELDS
            if hasattr(row, name)
        }
        found = self._prepared(replace(row, **texts), item.row) if texts["text"] else item
        return item if found.num_tokens > self._setting.max_length else found

    def _prepared(self, row: Row, index: int) -> Features:
        try:
            return self._setting.objective.prepare(row, self._setting.bundle.codec, index=index)
        except LuthierError as error:  # the row itself was fine
            raise RecipeError(f"recipe keep.augment: a changed text is refused: {error}") from error


def changed(text: str, config: Config, draws: random.Random) -> str:
    """The text with some words changed; white space between words becomes one space."""
    words = text.split()
    found: list[str] = []
    at = 0
    while at < len(words):
        drawn = draws.random()
        if drawn < config.drop:
            at += 1
        elif drawn < config.drop + config.swap and at + 1 < len(words):
            found += [words[at + 1], words[at]]
            at += 2
        else:
            is_noisy = config.drop + config.swap <= drawn < _all(config)
            found.append(slipped(words[at], draws) if is_noisy else words[at])
            at += 1
    return " ".join(found) or text


def slipped(word: str, draws: random.Random) -> str:
    """The word with one slip of a key; one of a single letter stays."""
    if len(word) < 2:
        return word
    at = draws.randrange(len(word) - 1)
    letters = draws.choice(_LETTERS)
    return draws.choice(
        [
            word[:at] + word[at + 1] + word[at] + word[at + 2 :],
            word[:at] + word[at] + word[at:],
            word[:at] + word[at + 1 :],
            word[:at] + letters + word[at + 1 :],
        ]
    )


def _all(config: Config) -> float:
    return config.drop + config.swap + config.noise
