"""Texts in other words, which a model wrote and nothing speaks against."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from typing import ClassVar

from pydantic import Field

from luthier.core.config import ComponentConfig, build
from luthier.data.assisted import Helpers, Reply, Writer
from luthier.data.augmenting import augmenters
from luthier.data.augmenting._given import given_texts, likeness
from luthier.data.augmenting._prose import words as words_of
from luthier.data.augmenting._wordings import MOST, asking, bare, objection
from luthier.data.augmenting.contract import Augmenter
from luthier.data.augmenting.words import Config as WordsConfig
from luthier.data.augmenting.words import Words
from luthier.data.edits import Edit
from luthier.data.points.embedder import Embedder
from luthier.data.rows import Row, Tagged

_LEAST_WORDS = 3
"""Of fewer there are no other words that mean the same."""


class Config(ComponentConfig):
    """How many rows, and how alike what they say must be."""

    per_row: float = Field(1.0, gt=0, le=MOST)
    """New rows for every row of train; 0.5: for every other one."""
    similarity: float = Field(0.6, ge=0, le=1)
    """Least cosine of the vectors of a text and its new wording; 0: not looked at."""
    encoder: str = "auto"
    """Model that gives these vectors; auto: minilm-l6 if it was fetched, else words are counted."""


@augmenters.add
class Paraphrase:
    """Asks a model to say what is given in other words, and takes what passes the screens: a
    question stays one, numbers, addresses, code and denials are kept, no talk stands around it,
    and it means nearly the same. Where a row gets none, words are left out or swapped instead.

    Source: Dai et al. 2023, arXiv:2302.13007 (a chat model rephrases each row); the screens, and
    what is made where none is left, are ours.
    """

    Config = Config
    short: ClassVar[str] = "per_row"
    why: ClassVar[str] = "other wordings by a model"
    works_on: ClassVar[str] = "texts of several words"
    command: str = "luthier data augment DATA data.augment.paraphrase=1 --by MODEL --output FOLDER"

    def __init__(self, config: Config) -> None:
        self._config, self.per_row = config, config.per_row
        self.needs = "a model that writes"
        self.instead: tuple[str, Augmenter] = "words", Words(build(WordsConfig, {}, where="words"))
        self._helpers: Helpers | None = None
        self._write: Writer = _nobody
        self._found: dict[tuple[str, int], str] = {}

    def assist(self, helpers: Helpers) -> None:
        """The model that writes, and the one that compares."""
        self._helpers, self._write = helpers, helpers.writer()

    def study(self, rows: Sequence[Row], numbers: Sequence[int]) -> None:
        """Ask for all wordings, and screen them. They stay in memory."""
        assert self._helpers is not None
        texts = (
            (text, at)
            for row, number in zip(rows, numbers, strict=True)
            for text in _texts(row)
            for at in range(number)
        )
        asked = list(dict.fromkeys(texts))
        replies = self._write([asking(*item) for item in asked])
        why, found = Counter[str](), dict[tuple[str, int], str]()
        for (text, at), reply in zip(asked, replies, strict=True):
            new = bare(reply.text, text)
            against = reply.left_out or objection(new, text)
            why[against] += bool(against)
            if not against:
                found[text, at] = new
        if self._config.similarity and found:
            found = self._alike(found, self._helpers.embedder(self._config.encoder), why)
        self._found = found
        left_out = ", ".join(f"{count} {name}" for name, count in why.most_common() if count)
        said = f"data.augment.paraphrase: {len(found)} of {len(asked)} wordings taken"
        self._helpers.note(f"{said}{'; left out: ' if left_out else ''}{left_out}")

    def _alike(
        self, found: dict[tuple[str, int], str], by: Embedder, why: Counter[str]
    ) -> dict[tuple[str, int], str]:
        """Those that mean nearly the same as their text."""
        cosine_N = likeness([(text, new) for (text, _), new in found.items()], by)
        pairs = zip(found.items(), cosine_N, strict=True)
        kept = {key: new for (key, new), cosine in pairs if cosine >= self._config.similarity}
        why["too far in meaning"] += len(found) - len(kept)
        return kept

    def new(self, row: Row, draws: random.Random, copy: int) -> Row | None:
        """The row in the wordings of this number; None where none of its texts has one."""
        del draws
        if not any((text, copy - 1) in self._found for text in _texts(row)):
            return None
        return row.varied(partial(self._worded, copy - 1), moves=False)

    def _worded(self, number: int, text: str) -> Iterator[Edit]:
        new = self._found.get((text, number))
        if new is not None:
            yield Edit(0, len(text), new)


def _texts(row: Row) -> list[str]:
    """What is only given of a row, where it is long enough; nothing of words that have tags, which
    no other wording could be trusted to keep."""
    found = [] if isinstance(row, Tagged) else given_texts(row, moves=False)
    return [text for text in found if len(words_of(text)) >= _LEAST_WORDS]


def _nobody(asked: Sequence[str]) -> Sequence[Reply]:
    raise AssertionError(f"nobody to write {len(asked)} wordings")
