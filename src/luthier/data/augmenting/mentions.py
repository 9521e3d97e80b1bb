"""Tagged texts in which a mention is another one of its type."""

from __future__ import annotations

import random
from bisect import bisect
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from pydantic import Field

from luthier.core.config import ComponentConfig
from luthier.core.seeds import derive
from luthier.data.augmenting import augmenters
from luthier.data.rows import Row, Tagged


class Config(ComponentConfig):
    """How many rows, and how much of each."""

    per_row: float = Field(1.0, gt=0, le=100)
    """New rows for every row of train; 0.5: for every other one."""
    share: float = Field(0.5, gt=0, le=1)
    """Share of the mentions of a row that are replaced; usual 0.3 to 0.7."""


@dataclass(frozen=True, slots=True, order=True)
class _Mention:
    """Words with one tag: `text` as it is written, the words, and where they begin in it."""

    hash: int
    text: str
    words: tuple[str, ...]
    starts: tuple[int, ...]


@augmenters.add
class Mentions:
    """Puts other mentions of the same type, from the rows of train, in the place of some; the tags
    follow.

    Source: Dai & Adel 2020, arXiv:2010.11683, section 2 (mention replacement). There every mention
    of train is drawn alike often; we draw by a hash, so that a mention which comes with new rows
    takes the place of few others.
    """

    Config = Config
    short: ClassVar[str] = "per_row"
    why: ClassVar[str] = "mentions of the same type"
    works_on: ClassVar[str] = "rows with tagged mentions, and two of a type in train"

    def __init__(self, config: Config) -> None:
        self._config, self.per_row = config, config.per_row
        self._known: dict[str, list[_Mention]] = {}

    def study(self, rows: Sequence[Row], numbers: Sequence[int]) -> None:
        """Collect the mentions of each type."""
        del numbers
        found: dict[str, set[_Mention]] = defaultdict(set)
        for row in rows:
            if isinstance(row, Tagged) and row.tags:
                for kind, start, end in _places(row.tags):
                    found[kind].add(_mention(row, start, end))
        self._known = {kind: sorted(mentions) for kind, mentions in found.items()}

    def new(self, row: Row, draws: random.Random, copy: int) -> Row | None:
        """The row with other mentions each time; None without any."""
        del copy
        if not isinstance(row, Tagged) or not row.tags:
            return None
        other: dict[int, tuple[int, _Mention]] = {}
        for kind, start, end in _places(row.tags):
            if draws.random() < self._config.share:
                drawn = draws.getrandbits(63)
                other[start] = end, self._drawn(kind, drawn, unlike=_mention(row, start, end))
        return _rebuilt(row, other) if other else None

    def _drawn(self, kind: str, drawn: int, *, unlike: _Mention) -> _Mention:
        known = self._known.get(kind, [unlike])
        at = bisect(known, drawn, key=lambda mention: mention.hash)
        here, following = (known[place % len(known)] for place in (at, at + 1))
        return here if here.text != unlike.text else following


def _places(tags: Sequence[str]) -> Iterator[tuple[str, int, int]]:
    """Type, first word and the word after the last, of each mention."""
    start = 0
    for at in range(1, len(tags) + 1):
        if at < len(tags) and tags[at].startswith("I-"):
            continue
        if tags[start] != "O":
            yield tags[start].partition("-")[2], start, at
        start = at


def _mention(row: Tagged, start: int, end: int) -> _Mention:
    text, starts = row.placed()
    first, last = starts[start], starts[end - 1] + len(row.tokens[end - 1])
    written = text[first:last]
    places = tuple(place - first for place in starts[start:end])
    return _Mention(derive(0, written), written, row.tokens[start:end], places)


def _rebuilt(row: Tagged, other: dict[int, tuple[int, _Mention]]) -> Tagged:
    """The row with these mentions from their first words on, up to their ends."""
    text, starts = row.placed()
    tokens, tags, places, pieces = list[str](), list[str](), list[int](), list[str]()
    at, shift, copied = 0, 0, 0
    while at < len(row.tokens):
        if at not in other:
            tokens.append(row.tokens[at])
            tags.append(row.tags[at])
            places.append(starts[at] + shift)
            at += 1
            continue
        end, new = other[at]
        kind, begin = row.tags[at].partition("-")[2], starts[at] + shift
        tokens += new.words
        tags += [f"{'I' if number else 'B'}-{kind}" for number in range(len(new.words))]
        places += [begin + place for place in new.starts]
        stop = starts[end - 1] + len(row.tokens[end - 1])
        pieces += [text[copied : starts[at]], new.text]
        shift += len(new.text) - (stop - starts[at])
        copied, at = stop, end
    whole = "".join([*pieces, text[copied:]])
    return replace(
        row,
        tokens=tuple(tokens),
        tags=tuple(tags),
        text=whole if row.text else "",
        starts=tuple(places) if row.text else (),
    )
