"""A question and its text as windows that fit a model: every window holds the whole question."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from luthier.data.rows import Span
from luthier.models.located import MARK, Located

START, END = 1, 2
"""Bits of the marks of tokens at which an answer starts, and ends."""
_LEAST_TEXT = 16
"""Tokens of the text that a window holds at least; a longer question is cut."""


@dataclass(frozen=True, slots=True)
class Windows:
    """Shapes: all but `lengths` are (T,), the tokens of all windows one after the other.

    `starts` and `ends` are characters of the text, -1 for tokens that are none of it.
    """

    input_ids: NDArray[np.int32]
    lengths: tuple[int, ...]
    starts: NDArray[np.int32]
    ends: NDArray[np.int32]

    def marks(self, answer: Span) -> NDArray[np.int8]:
        """Where the answer starts and ends, in every window that holds the whole of it (T,)."""
        found = np.zeros(len(self.input_ids), np.int8)
        last = answer.start + len(answer.text)
        first = 0
        for length in self.lengths:
            place = slice(first, first + length)
            starts, ends = self.starts[place], self.ends[place]
            touched = np.flatnonzero((starts >= 0) & (starts < last) & (ends > answer.start))
            text = np.flatnonzero(starts >= 0)
            first += length
            if not len(touched):
                continue
            holds_begin = starts[touched[0]] <= answer.start or touched[0] > text[0]
            holds_end = ends[touched[-1]] >= last or touched[-1] < text[-1]
            if holds_begin and holds_end:
                found[place.start + touched[0]] |= START
                found[place.start + touched[-1]] |= END
        return found


def windows(located: Located, *, size: int, overlap: int) -> Windows:
    """Windows of at most `size` tokens; neighbours share `overlap` tokens of the text.

    Args: located: question (part 0) and text (part 1).
    """
    text = np.flatnonzero(located.part == 1)
    if not len(text):
        starts = np.full(len(located.input_ids), -1, np.int32)
        ids = located.input_ids[:size]
        return Windows(ids, (len(ids),), starts[: len(ids)], starts[: len(ids)])
    head = _shortened(located, text[0], size)
    tail = np.arange(text[-1] + 1, len(located.input_ids))
    room = max(1, size - len(head) - len(tail))
    step = max(1, room - min(overlap, room // 2))
    pieces: list[NDArray[np.int64]] = []
    for first in range(0, len(text), step):
        pieces.append(np.concatenate([head, text[first : first + room], tail]))
        if first + room >= len(text):
            break
    at = np.concatenate(pieces)
    is_text = located.part[at] == 1
    return Windows(
        located.input_ids[at],
        tuple(len(piece) for piece in pieces),
        np.where(is_text, located.starts[at], -1).astype(np.int32),
        np.where(is_text, located.ends[at], -1).astype(np.int32),
    )


def _shortened(located: Located, first: int, size: int) -> NDArray[np.int64]:
    """Places of what stands before the text; the end of a long question is left out."""
    head = np.arange(first)
    excess = len(head) + _LEAST_TEXT - size
    asked = np.flatnonzero(located.part[:first] != MARK)
    if excess <= 0 or not len(asked):
        return head
    gone = asked[max(0, len(asked) - excess) :]
    return np.setdiff1d(head, gone)
