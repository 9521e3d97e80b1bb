"""Texts in which some words are others that an encoder holds to mean nearly the same."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from functools import partial
from typing import ClassVar

from pydantic import Field

from luthier.core.config import ComponentConfig
from luthier.core.seeds import stream
from luthier.data.assisted import Helpers
from luthier.data.augmenting import augmenters
from luthier.data.augmenting._given import given_texts, likeness
from luthier.data.augmenting._neighbours import neighbours
from luthier.data.augmenting._prose import words
from luthier.data.edits import Edit, edited
from luthier.data.points.embedder import Embedder
from luthier.data.rows import Row


class Config(ComponentConfig):
    """How many rows, how much of each, and how near in meaning."""

    per_row: float = Field(1.0, gt=0, le=20)
    """New rows for every row of train; 0.5: for every other one."""
    share: float = Field(0.3, gt=0, le=1)
    """Share of the words with a neighbour that are replaced; one at the least."""
    nearness: float = Field(0.5, ge=0, le=1)
    """Least cosine of the vectors of two words; usual 0.4 to 0.7."""
    similarity: float = Field(0.8, ge=0, le=1)
    """Least cosine of the vectors of a text and the new one; 0: not looked at."""
    encoder: str = "minilm-l6"
    """Model that gives the vectors."""


@augmenters.add
class Synonyms:
    """Puts near neighbours, in the space of an encoder, in the place of some words. They are words
    of the rows of train with the same ending; words that tell a class, and words with a tag, stay.

    Source: Wang & Yang 2015, D15-1306 (neighbours in an embedding space). We take an encoder of
    sentences, and compare the whole texts too.
    """

    Config = Config
    short: ClassVar[str] = "per_row"
    why: ClassVar[str] = "words replaced by neighbours in an encoder"
    works_on: ClassVar[str] = "texts with words that have neighbours in other rows"
    command: str = "luthier data augment DATA data.augment.synonyms=1 --output FOLDER"

    def __init__(self, config: Config) -> None:
        self._config, self.per_row = config, config.per_row
        self.needs = "an encoder"
        self._helpers: Helpers | None = None
        self._found: dict[str, list[str]] = {}

    def assist(self, helpers: Helpers) -> None:
        """The encoder."""
        self._helpers = helpers

    def study(self, rows: Sequence[Row], numbers: Sequence[int]) -> None:
        """Draft new texts for all rows, and keep those that mean nearly the same, in memory."""
        assert self._helpers is not None
        by = self._helpers.embedder(self._config.encoder)
        texts = [given_texts(row, moves=True) for row in rows]
        near = neighbours(rows, texts, by, nearness=self._config.nearness)
        most: dict[str, int] = {}
        for held, number in zip(texts, numbers, strict=True):
            for text in held if number else ():
                most[text] = max(most.get(text, 0), number)
        drafts: list[tuple[str, str]] = []
        for text, number in most.items():
            new = {_drafted(text, near, self._config.share, k) for k in range(2 * number + 2)}
            drafts += [(text, draft) for draft in sorted(new - {text})]
        for text, draft in self._alike(drafts, by):
            self._found.setdefault(text, []).append(draft)
        kept = sum(map(len, self._found.values()))
        self._helpers.note(
            f"data.augment.synonyms: {len(near)} words have neighbours; {kept} of {len(drafts)} "
            f"texts mean nearly the same by {by.by}"
        )

    def _alike(self, drafts: list[tuple[str, str]], by: Embedder) -> list[tuple[str, str]]:
        if not self._config.similarity or not drafts:
            return drafts
        pairs = zip(drafts, likeness(drafts, by), strict=True)
        return [pair for pair, cosine in pairs if cosine >= self._config.similarity]

    def new(self, row: Row, draws: random.Random, copy: int) -> Row | None:
        """The row with one of its drafts for each text; None without any."""
        del copy
        if not any(text in self._found for text in given_texts(row, moves=True)):
            return None
        return row.varied(partial(self._drawn, draws), moves=True)

    def _drawn(self, draws: random.Random, text: str) -> Iterator[Edit]:
        """Word by word, so that places in the text follow."""
        if text in self._found:
            draft = draws.choice(self._found[text])
            yield from _between(text, draft)


def _between(text: str, draft: str) -> Iterator[Edit]:
    """The words that were replaced; all others stand in both."""
    for old, new in zip(words(text), words(draft), strict=True):
        if old[0] != new[0]:
            yield Edit(old.start(), old.end(), new[0])


def _drafted(text: str, near: dict[str, list[str]], share: float, number: int) -> str:
    draws = stream(0, "synonyms", text, number)
    found = [word for word in words(text) if word[0].lower() in near]
    if not found:
        return text
    chosen = [word for word in found if draws.random() < share] or [draws.choice(found)]
    edits = [
        Edit(word.start(), word.end(), _cased(draws.choice(near[word[0].lower()]), word[0]))
        for word in chosen
    ]
    return edited(text, lambda _: edits).text


def _cased(new: str, like: str) -> str:
    """In capitals where the other word is, or with one where it begins with one."""
    if like.isupper() and len(like) > 1:
        return new.upper()
    return new.capitalize() if like[:1].isupper() else new
