"""A query and texts that may answer it: what belongs to one query is ranked together."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace

from luthier.data.edits import Find, edited
from luthier.data.rows.base import Row


@dataclass(frozen=True, slots=True)
class Candidate:
    """A document and how relevant it is (nan when it is to be predicted): 0 is not at all."""

    text: str
    score: float = math.nan


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked(Row):
    """A query with one document or several; other rows may hold more documents of the query.

    `group` holds the query, unless the user groups rows otherwise. `has_order` is False where the
    file parts right documents from wrong ones, so that their places here say nothing."""

    query: str
    documents: tuple[Candidate, ...]
    has_order: bool = True

    def not_content(self) -> tuple[str, ...]:
        return ("origin", "group", "has_order")

    def input_key(self) -> str:
        return replace(self, documents=tuple(Candidate(x.text, 0.0) for x in self.documents)).key()

    def groups(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for name in (self.group, self.query) if name))

    def given(self) -> str:
        return "\n".join([self.query, *(document.text for document in self.documents)])

    def target(self) -> str:
        return numbers_text([document.score for document in self.documents])

    def asked_with(self) -> str:
        return self.query

    def rewritten(self, find: Find) -> Ranked:
        query = edited(self.query, find).text
        group = query if self.group == self.query else self.group
        documents = (replace(item, text=edited(item.text, find).text) for item in self.documents)
        return replace(self, query=query, group=group, documents=tuple(documents))


def numbers_text(numbers: list[float]) -> str:
    """A number as text, or several as a JSON list; empty where one is nan."""
    if any(math.isnan(number) for number in numbers):
        return ""
    texts = [f"{number:.9g}" for number in numbers]
    return texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"


def numbers_in(text: str) -> list[float]:
    """The numbers that `numbers_text` wrote."""
    return json.loads(text) if text.startswith("[") else [float(text)]
