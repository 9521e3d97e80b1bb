"""Changes of a text, and where its characters stand afterwards."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate


@dataclass(frozen=True, slots=True)
class Edit:
    """The characters [start, end) become `text`."""

    start: int
    end: int
    text: str


Find = Callable[[str], Iterable[Edit]]
"""What is to be changed in a text: edits in order, none over another."""


@dataclass(frozen=True)
class Edited:
    """A text after its edits."""

    text: str
    edits: Sequence[Edit]

    def moved(self, position: int) -> int:
        """Where a character of the old text stands in the new one.

        One that was replaced stands where its replacement begins; the end of one, where it ends.
        """
        before = bisect_right(self._starts, position)
        if not before:
            return position
        last, shift = self.edits[before - 1], self._shifts[before - 1]
        if position >= last.end:
            return position + shift + len(last.text) - (last.end - last.start)
        return last.start + shift

    @cached_property
    def _starts(self) -> list[int]:
        return [edit.start for edit in self.edits]

    @cached_property
    def _shifts(self) -> list[int]:
        """How far each edit was moved by those before it."""
        longer = (len(edit.text) - (edit.end - edit.start) for edit in self.edits)
        return list(accumulate(longer, initial=0))


def edited(text: str, find: Find) -> Edited:
    """The text with everything changed that `find` finds."""
    edits = [edit for edit in find(text) if text[edit.start : edit.end] != edit.text]
    parts, at = list[str](), 0
    for edit in edits:
        parts += [text[at : edit.start], edit.text]
        at = edit.end
    return Edited("".join([*parts, text[at:]]), edits)


def between(find: Find, stretches: Sequence[tuple[int, int]], text: str) -> Iterator[Edit]:
    """What is found in each of these stretches of a text, as in a text of its own."""
    for start, end in stretches:
        for edit in find(text[start:end]):
            yield Edit(start + edit.start, start + edit.end, edit.text)
