"""Changes of a text, and where its characters stand afterwards."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Edit:
    """The characters [start, end) become `text`."""

    start: int
    end: int
    text: str


Find = Callable[[str], Iterable[Edit]]
"""What is to be changed in a text: edits in order, none over another."""


@dataclass(frozen=True, slots=True)
class Edited:
    """A text after its edits."""

    text: str
    edits: Sequence[Edit]

    def moved(self, position: int) -> int:
        """Where a character of the old text stands in the new one.

        One that was replaced stands where its replacement begins; the end of one, where it ends.
        """
        before = bisect_right([edit.start for edit in self.edits], position)
        shift = sum(len(e.text) - (e.end - e.start) for e in self.edits[: max(before - 1, 0)])
        if not before:
            return position
        last = self.edits[before - 1]
        if position >= last.end:
            return position + shift + len(last.text) - (last.end - last.start)
        return last.start + shift


def edited(text: str, find: Find) -> Edited:
    """The text with everything changed that `find` finds."""
    edits = [edit for edit in find(text) if text[edit.start : edit.end] != edit.text]
    parts, at = list[str](), 0
    for edit in edits:
        parts += [text[at : edit.start], edit.text]
        at = edit.end
    return Edited("".join([*parts, text[at:]]), edits)
