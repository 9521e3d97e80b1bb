"""A query and a text that may answer it: what belongs to one query is ranked together."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from luthier.data.rows.base import Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked(Row):
    """How relevant a document is to a query (nan when it is to be predicted): 0 is not at all.

    `group` holds the query."""

    query: str
    document: str
    score: float

    def input_key(self) -> str:
        return replace(self, score=0.0).key()

    def given(self) -> str:
        return f"{self.query}\n{self.document}"

    def target(self) -> str:
        return "" if math.isnan(self.score) else f"{self.score:g}"
