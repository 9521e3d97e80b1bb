"""Texts that belong together, and some that do not."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace

from luthier.data.edits import Find, edited
from luthier.data.rows.base import Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Triplet(Row):
    """A text, one that belongs to it, and perhaps some that do not."""

    anchor: str
    positive: str
    negatives: tuple[str, ...] = ()

    def input_key(self) -> str:
        return replace(self, positive="", negatives=()).key()

    def twin_keys(self) -> tuple[str, ...]:
        """The pair, whichever of the two texts is the anchor."""
        pair = json.dumps(["pair", *sorted((self.anchor, self.positive))])
        return (hashlib.sha256(pair.encode()).hexdigest(),) if self.positive else ()

    def given(self) -> str:
        return self.anchor

    def target(self) -> str:
        return self.positive

    def rewritten(self, find: Find) -> Triplet:
        return replace(
            self,
            anchor=edited(self.anchor, find).text,
            positive=edited(self.positive, find).text,
            negatives=tuple(edited(text, find).text for text in self.negatives),
        )

    def varied(self, find: Find, *, moves: bool) -> Triplet:
        del moves
        return replace(self, anchor=edited(self.anchor, find).text)
