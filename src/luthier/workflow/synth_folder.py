"""The folder of made pairs: rows to learn from, what was left out, and an account of both."""

from __future__ import annotations

import json
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from luthier.core import files
from luthier.data.chunks import FEWEST_DOCUMENTS
from luthier.data.on_disk import Chosen, OnDisk
from luthier.data.rows import Chat, Message, PartOrigin, Row
from luthier.data.rows.texts import name_of
from luthier.data.write import write_rows
from luthier.workflow.pairs import Pair

TRAIN, REJECTED = "train.jsonl", "rejected.jsonl"
_OF_REPLIES = frozenset({"unfinished", "calls", "empty", "refused", "declined", "malformed"})


@dataclass(frozen=True, slots=True)
class Pool:
    """All pairs, and the rows that their passages are."""

    pairs: Sequence[Pair]
    rows: Sequence[Row]
    num_asked: int
    """Passages of which pairs were asked."""

    def counts(self, per_chunk: int) -> dict[str, Any]:
        """Passages and pairs: how many there were, and what became of them."""
        reasons = Counter(pair.why for pair in self.pairs)
        failed = {why: count for why, count in reasons.items() if why in _OF_REPLIES}
        rejected = {why: count for why, count in reasons.items() if why and why not in _OF_REPLIES}
        asked, made = self.num_asked * per_chunk, reasons[""] + sum(rejected.values())
        return {
            "passages": {
                "read": len(self.rows),
                "asked": self.num_asked,
                "without_pairs": failed,
            },
            "pairs": {
                "asked": asked,
                "made": made,
                "unwritten": asked - made,
                "kept": reasons[""],
                "rejected": rejected,
            },
        }

    def write(self, folder: Path, output: Path) -> dict[str, Any]:
        """The files. Args: output: what the folder will be called.

        Returns: {"files", "use"}: each file with its rows and hash, and what is typed to train.
        """
        left_out = (pair for pair in self.pairs if pair.why)
        files.write_pieces(folder / REJECTED, (self._rejected(pair) for pair in left_out))
        numbers = np.flatnonzero([not pair.why for pair in self.pairs])
        kept = Chosen(self.pairs, numbers)
        if not kept:
            return {"files": {}, "use": []}
        grouping = _grouping([self.rows[at] for at in {pair.at for pair in kept}])
        chats = OnDisk(self._chat(pair, grouping) for pair in kept)
        beside = OnDisk(_beside(self.rows[pair.at]) for pair in kept)
        path = folder / TRAIN
        written = write_rows(path, chats, beside)
        words = [f"data.{key}={value}" for key, value in written.settings.items()]
        return {
            "files": {"train": {"file": TRAIN, "rows": len(kept), "sha256": files.sha256(path)}},
            "use": [shlex.join(["luthier", "train", str(output / TRAIN), *words])],
        }

    def _chat(self, pair: Pair, grouping: str) -> Chat:
        row = self.rows[pair.at]
        group = {"document": row.group, "passage": name_of(row.given())}.get(grouping, "")
        messages = (Message("user", pair.question), Message("assistant", pair.answer))
        return Chat(origin=row.origin, group=group, messages=messages)

    def _rejected(self, pair: Pair) -> bytes:
        told = {"question": pair.question, "answer": pair.answer, "again": pair.again}
        held = {key: value for key, value in told.items() if value}
        key = "reply" if pair.why in _OF_REPLIES else "told"
        line = {"why": pair.why, key: pair.told, **held, **_beside(self.rows[pair.at])}
        return (json.dumps(line, ensure_ascii=False) + "\n").encode("utf-8", "surrogatepass")


def _beside(row: Row) -> Mapping[str, Any]:
    """Where a passage stands, and the passage."""
    origin = row.origin
    place = origin.part if isinstance(origin, PartOrigin) else f"line {origin.line}"
    return {"source": origin.file, "place": place, "passage": row.given()}


def _grouping(passages: Sequence[Row]) -> str:
    """What pairs are kept together by when they are split: their document where there are enough
    of them, else their passage, else nothing."""
    documents = {row.group for row in passages}
    if "" not in documents and len(documents) >= FEWEST_DOCUMENTS:
        return "document"
    return "passage" if len(passages) >= FEWEST_DOCUMENTS else ""
