"""One row after the other is asked about, and every answer goes into a file of corrections."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from luthier.core.errors import DataError
from luthier.data.checks import Doubt
from luthier.data.corrections import Correction, Journal, unknown_label
from luthier.data.corrections.correction import What
from luthier.data.points.nearest import Nearest
from luthier.data.rows import Labeled, Row

KEYS = 9
"""Labels that have a key of their own."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What there is to ask about."""

    rows: Sequence[Row]
    """As they stand in their files, but for earlier corrections."""
    queue: Sequence[int]
    """Places of the rows to be asked, in this order."""
    doubts: dict[int, Doubt]
    """Place -> what speaks against the row, where something does."""
    labels: Counter[str]
    """Label -> rows, most first; what can be chosen."""
    known: frozenset[str]
    """Labels as they stand in the files."""


@dataclass(frozen=True, slots=True)
class _Done:
    number: int
    what: str
    """"skip", or what was decided."""


@dataclass(slots=True)
class Sitting:
    """Knows what is asked now, what was answered, and how to take it back."""

    asked: Asked
    journal: Journal
    number: int = 0
    """Of the row that is asked now, in the queue."""
    _done: list[_Done] = field(default_factory=list[_Done])
    _new: list[str] = field(default_factory=list[str])
    """Labels that were made up here."""
    _nearest: Nearest = field(init=False)

    def __post_init__(self) -> None:
        self._nearest = Nearest(self.asked.rows)  # before somebody waits for the first page

    @property
    def is_over(self) -> bool:
        """Whether every row was asked."""
        return self.number >= len(self.asked.queue)

    def row(self) -> Row:
        """The row that is asked now."""
        return self.asked.rows[self.asked.queue[self.number]]

    def decide(self, number: int, what: What, value: Any = True, *, is_new: bool = False) -> None:
        """Write down what is right of the row that is asked now, and go on to the next.

        Args: number: the row that was meant; nothing happens where another is asked by now.
            is_new: a label that no row has is meant.
        Raises: DataError: an unknown label, nothing said, or the file cannot be written.
        """
        if number != self.number or self.is_over:
            return
        row = self.row()
        made = Correction(row.key(), what, value, at=str(row.origin), was=_labels(row, what))
        if made.applied(row) == row:
            made = Correction(row.key(), "confirmed", at=str(row.origin))
        if what == "answer" and not str(value).strip():
            raise DataError("an answer of nothing; to leave the row out: x")
        choices = {*self.asked.labels, *self._new}
        strange = [label for label in made.labels() if label not in choices]
        if strange and not is_new:
            raise DataError(unknown_label(strange[0], choices))
        is_new = any(label not in self.asked.known for label in made.labels())
        self.journal.add(
            Correction(made.key, made.what, made.value, made.at, made.was, is_new=is_new)
        )
        self._new += strange
        self._go_on(made.what)

    def skip(self, number: int) -> None:
        """Leave the row that is asked now undecided; it is asked again another time."""
        if number == self.number and not self.is_over:
            self._go_on("skip")

    def undo(self) -> None:
        """Go back to the row before, and take back what was decided there.

        Raises: DataError: nothing was done yet, or the file cannot be written.
        """
        if not self._done:
            raise DataError(
                f"nothing to take back here; earlier decisions are lines of {self.journal.path}"
            )
        if self._done[-1].what != "skip":
            self.journal.undo()
        self.number = self._done.pop().number

    def _go_on(self, what: str) -> None:
        self._done.append(_Done(self.number, what))
        self.number += 1

    def document(self) -> dict[str, Any]:
        """What is asked now, and how far one is."""
        return {
            **self.summary(),
            "number": self.number,
            "item": None if self.is_over else self._item(),
        }

    def summary(self) -> dict[str, Any]:
        """How far one is, and where the decisions are."""
        counts = Counter(done.what for done in self._done)
        return {
            "file": str(self.journal.path),
            "setting": f"data.corrections={self.journal.path}",
            "asked": len(self.asked.queue),
            "left": len(self.asked.queue) - self.number,
            "decided": len(self._done) - counts["skip"],
            "skipped": counts["skip"],
            "by": {what: number for what, number in counts.items() if what != "skip"},
            "in_file": len(self.journal),
        }

    def picture(self, number: int) -> Path | None:
        """The picture of the row that is asked now, where it has one."""
        row = None if self.is_over or number != self.number else self.row()
        return Path(row.picture) if isinstance(row, Labeled) and row.picture else None

    def _item(self) -> dict[str, Any]:
        at, row = self.asked.queue[self.number], self.row()
        doubt, can = self.asked.doubts.get(at), row.correctable()
        guesses = dict(doubt.guesses) if doubt else {}
        has_labels = "label" in can or "labels" in can
        return {
            "origin": str(row.origin),
            "kind": row.shape(),
            "why": doubt.why if doubt else "",
            "given": row.shown(),
            "has_picture": self.picture(self.number) is not None,
            "can": list(can),
            "label": row.stratum() if "label" in can else "",
            "labels": list(row.brings()) if "labels" in can else [],
            "target": row.target(),
            "swapped": row.corrected("swap", True).target() if "swap" in can else "",
            "choices": self._choices(row, guesses) if has_labels else [],
            "all_labels": [*self.asked.labels, *self._new] if has_labels else [],
            "near": self._near(at, row, guesses) if "label" in can else [],
        }

    def _choices(self, row: Row, guesses: dict[str, float]) -> list[dict[str, Any]]:
        """Labels with a key of their own: the likeliest, or all where they are few."""
        own = [row.stratum()] if row.stratum() else []
        names = [*row.brings(), *guesses]
        everything = [*self.asked.labels, *self._new]
        if len(everything) <= KEYS + 1 or not guesses:
            names += everything
        names = [name for name in dict.fromkeys(names) if name not in own][:KEYS]
        return [{"label": name, "share": guesses.get(name, 0.0)} for name in names]

    def _near(self, at: int, row: Row, guesses: dict[str, float]) -> list[dict[str, Any]]:
        """Rows most like this one, of the label that is suggested and of its own."""
        own = row.stratum()
        suggested = [name for name in guesses if name != own][:1]
        decided = {self.asked.queue[done.number] for done in self._done if done.what != "skip"}
        found: list[dict[str, Any]] = []
        for label in [*suggested, own]:
            places = self._nearest.like(row.given(), label, without={at, *decided})
            near = [self.asked.rows[place] for place, _ in places]
            shown = [{"origin": str(other.origin), "text": other.shown()} for other in near]
            found.append({"label": label, "rows": shown})
        return [part for part in found if part["rows"]]


def _labels(row: Row, what: What) -> str | list[str]:
    """The labels that the row has, where others are given."""
    if what == "labels":
        return list(row.brings())
    return row.stratum() if what == "label" else ""
