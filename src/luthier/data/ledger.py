"""The ledger: rows in + added = used + dropped by reason, tokens in = trained + masked + cut."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from luthier.core.counted import counted
from luthier.core.errors import DataError
from luthier.core.foremost import foremost
from luthier.data.features import Features
from luthier.data.features_on_disk import columns_of
from luthier.data.rows import Origin, Row

SPLITS = ("train", "validation", "test")
_MAX_EXAMPLES = 5


@dataclass(slots=True)
class Counted:
    """Rows of which one thing is said."""

    count: int = 0
    examples: list[str] = field(default_factory=list[str])
    """Where the first of them stand."""

    def add(self, place: str) -> None:
        self.count += 1
        if len(self.examples) < _MAX_EXAMPLES:
            self.examples.append(place)


@dataclass(frozen=True, slots=True)
class Entry:
    """What became of one row."""

    place: str
    what: str
    """"changed", "left out" or "added"."""
    why: str
    beside: str = ""
    """What it clashes with."""
    before: Row | None = None
    after: Row | None = None
    """What was changed, before and after, or what was made of what; None of a row that was left
    out."""


def _unheard(entry: Entry) -> None:
    del entry


@dataclass(slots=True)
class Tokens:
    """Tokens of one split; `total` was counted before anything was cut."""

    total: int = 0
    trained: int = 0
    masked: int = 0
    cut: int = 0


@dataclass(slots=True)
class Ledger:
    """What became of every row and token."""

    rows_in: int = 0
    used: dict[str, int] = field(default_factory=lambda: dict.fromkeys(SPLITS, 0))
    dropped: dict[str, Counted] = field(default_factory=dict[str, Counted])
    shortened: dict[str, Counted] = field(default_factory=dict[str, Counted])
    """What was left out of rows that were read all the same; they are used, or dropped later."""
    changed: dict[str, Counted] = field(default_factory=dict[str, Counted])
    """What cleaning or a correction changed in rows; they are used, or dropped later."""
    added: dict[str, Counted] = field(default_factory=dict[str, Counted])
    """Rows of train that stand in no file; they are used, or dropped later."""
    tokens: dict[str, Tokens] = field(default_factory=dict[str, Tokens])
    listener: Callable[[Entry], None] = _unheard
    """Is told of every row, where the counts and first places are not enough."""

    def read(self) -> None:
        """One more row was met in a file."""
        self.rows_in += 1

    def use(self, split: str, count: int) -> None:
        """So many rows went into `split`."""
        self.used[split] += count

    def drop(self, reason: str, origin: Origin | str, *, split: str = "", beside: str = "") -> None:
        """A row is not used. Name its split where it had been counted as used there.

        Args: beside: what it clashes with, shown behind its place.
        """
        self.dropped.setdefault(reason, Counted()).add(f"{origin}{beside}")
        self.listener(Entry(str(origin), "left out", reason, beside.strip(" ()")))
        if split:
            self.used[split] -= 1

    def shorten(self, remark: str, origin: Origin) -> None:
        """Something in a row was left out."""
        self.shortened.setdefault(remark, Counted()).add(str(origin))

    def change(self, reason: str, before: Row, after: Row, *, beside: str = "") -> None:
        """Cleaning, or a correction, changed something in a row.

        Args: beside: what is shown behind its place.
        """
        self.changed.setdefault(reason, Counted()).add(f"{before.origin}{beside}")
        said = beside.strip(" ()")
        self.listener(Entry(str(before.origin), "changed", reason, said, before, after))

    def add(
        self, reason: str, origin: Origin, *, of: Row | None = None, new: Row | None = None
    ) -> None:
        """A row was made of one of train. Args: of, new: that one, and the new one."""
        self.added.setdefault(reason, Counted()).add(str(origin))
        self.listener(Entry(str(origin), "added", reason, "", of, new))

    def add_tokens(self, split: str, trained: int, masked: int, cut: int, total: int = -1) -> None:
        """Tokens of rows in `split`; `total` is what there was before (-1: the sum of these)."""
        entry = self.tokens.setdefault(split, Tokens())
        entry.trained += trained
        entry.masked += masked
        entry.cut += cut
        entry.total += trained + masked + cut if total < 0 else total

    def add_features(
        self, split: str, before: Sequence[Features], after: Sequence[Features]
    ) -> None:
        """Tokens of `after`, which `fit_all` made from `before`; what is missing was cut."""
        old, new = columns_of(before), columns_of(after)
        trained, kept, total = sum(new.trained), sum(new.tokens), sum(old.tokens)
        is_gone = np.isin(np.array(old.rows), np.array(new.rows), invert=True)
        cut = sum(new.cut) + int(np.array(old.tokens)[is_gone].sum(dtype=np.int64))
        self.add_tokens(split, trained, kept - trained, cut, total)

    def counts(self) -> dict[tuple[str, str], int]:
        """Rows that were changed, added or left out so far, by what was done and why."""
        return {key: entry.count for key, entry in self._reasons().items()}

    def since(self, before: Mapping[tuple[str, str], int]) -> list[str]:
        """A line for every reason for which more rows than `before` were changed, added or left
        out; where each spelling of a label is a reason, for those of most rows."""
        more: dict[str, dict[str, int]] = {}
        reasons = self._reasons()
        for (what, why), entry in reasons.items():
            number = entry.count - before.get((what, why), 0)
            if number:
                more.setdefault(what, {})[why] = number
        lines: list[str] = []
        for what, counts in more.items():
            told = foremost(counts)
            for why in told.names:
                example = reasons[what, why].examples[0]
                lines.append(f"{what}: {counted(counts[why], 'row')}, {why}, such as {example}")
            if told.rest:
                left = counted(told.rest_count, "row")
                lines.append(f"{what}: {left}, for {told.rest:,} further reasons")
        return lines

    def _reasons(self) -> dict[tuple[str, str], Counted]:
        changed = {("changed", why): entry for why, entry in self.changed.items()}
        changed |= {("added", why): entry for why, entry in self.added.items()}
        return changed | {("left out", why): entry for why, entry in self.dropped.items()}

    def check(self) -> None:
        """Nothing, when everything adds up.

        Raises: DataError: rows or tokens are unaccounted for; the run must not go on.
        """
        used, dropped = sum(self.used.values()), sum(d.count for d in self.dropped.values())
        added = sum(entry.count for entry in self.added.values())
        if used + dropped != self.rows_in + added:
            raise DataError(
                f"the ledger does not add up: {self.rows_in} rows in and {added} added, but {used} "
                f"used and {dropped} dropped.\n"
                "    This is an error in Luthier, not in your data: please report it"
            )
        for split, tokens in self.tokens.items():
            parts = tokens.trained + tokens.masked + tokens.cut
            if parts != tokens.total:
                raise DataError(
                    f"the ledger does not add up: {split} has {tokens.total} tokens, but "
                    f"{tokens.trained} trained, {tokens.masked} masked and {tokens.cut} cut.\n"
                    "    This is an error in Luthier, not in your data: please report it"
                )

    def document(self) -> dict[str, Any]:
        """The content of `ledger.json`."""
        return {
            "rows": {
                "in": self.rows_in,
                "used": dict(self.used),
                "dropped": _listed(self.dropped),
                "shortened": _listed(self.shortened),
                **({"changed": _listed(self.changed)} if self.changed else {}),
                **({"added": _listed(self.added)} if self.added else {}),
            },
            "tokens": {
                split: {
                    "in": entry.total,
                    "trained": entry.trained,
                    "masked": entry.masked,
                    "cut": entry.cut,
                }
                for split, entry in self.tokens.items()
            },
        }


def _listed(counted: Mapping[str, Counted]) -> dict[str, Any]:
    return {
        reason: {"count": entry.count, "examples": list(entry.examples)}
        for reason, entry in counted.items()
    }
