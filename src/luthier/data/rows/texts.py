"""Texts to learn from: alone, or with a class, a number, tags, a question or another text.

A classed row may hold a picture instead of a text.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from luthier.data.edits import Find, between, edited
from luthier.data.rows.base import Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Text(Row):
    """Running text; every token is a target."""

    text: str

    def given(self) -> str:
        return self.text

    def rewritten(self, find: Find) -> Text:
        return replace(self, text=edited(self.text, find).text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Labeled(Row):
    """A text, a pair of texts or a picture, with the name of its class (empty when it is to be
    predicted). `picture` is the path of a file and `digest` the SHA-256 of its bytes."""

    text: str
    label: str
    text_pair: str = ""
    picture: str = ""
    digest: str = ""

    def not_content(self) -> tuple[str, ...]:
        # one picture under two names is one input; texts have neither
        nothing = ("digest",) if not self.picture else ()
        return ("origin", "group", "picture", *nothing)

    def input_key(self) -> str:
        return replace(self, label="").key()

    def given(self) -> str:
        return f"{self.text}\n{self.text_pair}".strip()

    def shown(self) -> str:
        return self.picture or self.given()

    def target(self) -> str:
        return self.label

    def stratum(self) -> str:
        return self.label

    def contested(self) -> str:
        return self.input_key() if self.picture else Row.contested(self)

    def rewritten(self, find: Find) -> Labeled:
        texts = (edited(text, find).text for text in (self.text, self.text_pair))
        return replace(self, **dict(zip(("text", "text_pair"), texts, strict=True)))

    def varied(self, find: Find, *, moves: bool) -> Labeled:
        del moves
        return self.rewritten(find)

    def relabelled(self, names: Mapping[str, str]) -> Labeled:
        return replace(self, label=names.get(self.label, self.label))

    def correctable(self) -> tuple[str, ...]:
        return ("label",)

    def corrected(self, what: str, value: Any) -> Labeled:
        del what
        return replace(self, label=value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Multilabeled(Row):
    """Text, or a pair of texts, with the names of all classes it belongs to (perhaps none).

    They are a set, so each is held once and in the order of their letters, whoever makes the row:
    of a file, under other names, or corrected."""

    text: str
    labels: tuple[str, ...]
    text_pair: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "labels", tuple(sorted(set(self.labels))))

    def input_key(self) -> str:
        return replace(self, labels=()).key()

    def given(self) -> str:
        return f"{self.text}\n{self.text_pair}".strip()

    def target(self) -> str:
        return json.dumps(self.labels, ensure_ascii=False)

    def brings(self) -> tuple[str, ...]:
        return self.labels

    def rewritten(self, find: Find) -> Multilabeled:
        texts = (edited(text, find).text for text in (self.text, self.text_pair))
        return replace(self, **dict(zip(("text", "text_pair"), texts, strict=True)))

    def varied(self, find: Find, *, moves: bool) -> Multilabeled:
        del moves
        return self.rewritten(find)

    def relabelled(self, names: Mapping[str, str]) -> Multilabeled:
        return replace(self, labels=tuple(names.get(label, label) for label in self.labels))

    def correctable(self) -> tuple[str, ...]:
        return ("labels",)

    def corrected(self, what: str, value: Any) -> Multilabeled:
        del what
        return replace(self, labels=tuple(value))


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored(Row):
    """Text, or a pair of texts, with a number (nan when it is to be predicted).

    `group` may hold a query: what belongs to one query is ranked together."""

    text: str
    score: float
    text_pair: str = ""

    def input_key(self) -> str:
        return replace(self, score=0.0).key()

    def given(self) -> str:
        return f"{self.text}\n{self.text_pair}".strip()

    def target(self) -> str:
        return "" if math.isnan(self.score) else f"{self.score:g}"

    def rewritten(self, find: Find) -> Scored:
        texts = (edited(text, find).text for text in (self.text, self.text_pair))
        return replace(self, **dict(zip(("text", "text_pair"), texts, strict=True)))

    def varied(self, find: Find, *, moves: bool) -> Scored:
        del moves
        return self.rewritten(find)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tagged(Row):
    """Words with one tag each, in BIO (IOB2); no tags when they are to be predicted.

    `text` is what the words were cut from, at the characters `starts`; where there is none, it is
    the words with a space between."""

    tokens: tuple[str, ...]
    tags: tuple[str, ...]
    text: str = ""
    starts: tuple[int, ...] = ()

    def placed(self) -> tuple[str, tuple[int, ...]]:
        """The text, and the character at which every word begins."""
        if self.text:
            return self.text, self.starts
        starts = [0]
        for token in self.tokens:
            starts.append(starts[-1] + len(token) + 1)
        return " ".join(self.tokens), tuple(starts[:-1])

    def input_key(self) -> str:
        return replace(self, tags=()).key()

    def given(self) -> str:
        return self.placed()[0]

    def target(self) -> str:
        return " ".join(self.tags)

    def brings(self) -> tuple[str, ...]:
        return tuple({tag.partition("-")[2] for tag in self.tags} - {""})

    def rewritten(self, find: Find) -> Tagged:
        """Words of which nothing is left go with their tags; what follows one begins its entity."""
        text, starts = self.placed()
        new = edited(text, find)
        if not new.edits:
            return self
        places = [
            (new.moved(start), new.moved(start + len(token)))
            for start, token in zip(starts, self.tokens, strict=True)
        ]
        words = [new.text[start:end] for start, end in places]
        kept = [at for at, word in enumerate(words) if word.strip()]
        tags = list(self.tags)
        for at, tag in enumerate(tags[:-1]):
            if at not in kept and tag.startswith("B-") and tags[at + 1] == f"I-{tag[2:]}":
                tags[at + 1] = tag
        return replace(
            self,
            tokens=tuple(words[at] for at in kept),
            tags=tuple(tags[at] for at in kept if tags),
            text=new.text if self.text else "",
            starts=tuple(places[at][0] for at in kept) if self.text else (),
        )

    def varied(self, find: Find, *, moves: bool) -> Tagged:
        return self.rewritten(partial(between, find, self._untagged()) if moves else find)

    def _untagged(self) -> list[tuple[int, int]]:
        """The stretches of the text that hold no mention."""
        text, starts = self.placed()
        found, at = list[tuple[int, int]](), 0
        for start, token, tag in zip(starts, self.tokens, self.tags, strict=True):
            if tag != "O":
                found.append((at, start))
                at = start + len(token)
        return [*found, (at, len(text))]

    def relabelled(self, names: Mapping[str, str]) -> Tagged:
        parts = (tag.partition("-") for tag in self.tags)
        tags = tuple(f"{mark}{dash}{names.get(kind, kind)}" for mark, dash, kind in parts)
        return replace(self, tags=tags)


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of a text: its first character and its words."""

    start: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Question(Row):
    """A question about a text, and the pieces of the text that answer it (none: no answer)."""

    question: str
    context: str
    answers: tuple[Span, ...] = ()

    def input_key(self) -> str:
        return replace(self, answers=()).key()

    def groups(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for name in (self.group, name_of(self.context)) if name))

    def given(self) -> str:
        return f"{self.question}\n{self.context}"

    def target(self) -> str:
        return json.dumps([answer.text for answer in self.answers], ensure_ascii=False)

    def rewritten(self, find: Find) -> Question:
        new = edited(self.context, find)
        answers: list[Span] = []
        for answer in self.answers:
            start, end = new.moved(answer.start), new.moved(answer.start + len(answer.text))
            answers.append(Span(start, new.text[start:end]))
        question = edited(self.question, find).text
        return replace(self, question=question, context=new.text, answers=tuple(answers))

    def varied(self, find: Find, *, moves: bool) -> Question:
        del moves
        return replace(self, question=edited(self.question, find).text)


def name_of(text: str) -> str:
    """A short name of a text, under which rows that share it stay together."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
