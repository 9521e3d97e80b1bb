"""Lines of printed pages as blocks: paragraphs, across columns and pages too, and code."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from luthier.data.printed.hyphens import BROKEN
from luthier.data.printed.looks import Looks, is_like
from luthier.data.printed.words import Line

Tie = Literal["same", "line", "apart"]
"""To the line before: the same sentence goes on, a line of its own, or another block."""
_GAP = 1.15
"""Times the usual distance of lines: more stands between paragraphs."""
_INDENT = 0.8
"""Sizes."""
_AROUND, _COLUMN = 8, 3.0
"""Lines around one that tell how wide its column is, and sizes by which their beginnings differ."""
_SPACE = 0.3
"""Sizes of a blank between words."""
_SMALL = 0.93
"""Times the usual size: smaller text at the foot of a page is notes."""
LARGER = 1.1
"""Times the usual size: larger text is a heading."""
_ENDED = re.compile(r"[.!?…:;。！？：；][\"'”’»)\]]*$")
BULLET = re.compile(r"[•▪●◦‣∙·■□➢✓]\s*")
_NUMBERED = re.compile(r"(?:\(?[\dA-Za-z]{1,3}[.)]|[-–*])\s")


@dataclass(slots=True)
class Block:
    """Lines that belong together."""

    lines: list[Line]
    is_code: bool
    page: int
    """Of its last line."""
    edge: float
    """Where the column of its last line ends."""
    breaks: list[bool] = field(default_factory=list[bool])
    """For each line but the first: whether it is one of its own."""


def blocks(pages: Sequence[Sequence[Line]], looks: Looks) -> list[Block]:
    """The blocks of a document in the order of their beginnings."""
    found: list[Block] = []
    held: Block | None = None
    for number, page in enumerate(pages):
        for at, line in enumerate(page):
            before = page[at - 1] if at else None
            if held is None or before is None or _is_elsewhere(before, line):
                held, tie = _resumed(found, line, looks, page=number)
            else:
                tie = _tie(held, line, looks)
            if held is None or tie == "apart":
                held = Block([], _is_code(line, looks), number, 0.0)
                found.append(held)
            else:
                held.breaks.append(tie == "line")
            held.lines.append(line)
            held.page, held.edge = number, _edge(page, at)
    return found


def _is_code(line: Line, looks: Looks) -> bool:
    return line.fixed and not looks.fixed


def _is_elsewhere(before: Line, line: Line) -> bool:
    """Whether a line stands in another column than the one before it."""
    return before.turn != line.turn or line.base > before.base + line.size / 2


def _edge(page: Sequence[Line], at: int) -> float:
    line = page[at]
    around = page[max(at - _AROUND, 0) : at + _AROUND + 1]
    return max(
        other.right
        for other in around
        if abs(other.left - line.left) < _COLUMN * line.size
        and is_like(other.size, line.size)
        and other.turn == line.turn
    )


def _resumed(
    found: Sequence[Block], line: Line, looks: Looks, *, page: int
) -> tuple[Block | None, Tie]:
    """The block that goes on with the first line of a column, past notes below it."""
    for block in reversed(found):
        if page - block.page > 1:
            break
        if block.is_code or _is_code(line, looks):
            return block, "line" if block.is_code and _is_code(line, looks) else "apart"
        if block.lines[-1].size < _SMALL * looks.size <= line.size:
            continue
        return block, "same" if _goes_on(block, line, looks) else "apart"
    return None, "apart"


def _goes_on(block: Block, line: Line, looks: Looks) -> bool:
    """Whether a paragraph that did not end in its column does so in this line."""
    last = block.lines[-1]
    is_like_it = is_like(last.size, line.size) and last.bold == line.bold
    is_item = BULLET.match(line.text) or _NUMBERED.match(line.text)
    is_open = not _ENDED.search(last.text) and not _is_short(block, line)
    is_text = line.size < LARGER * looks.size and not last.has_cells
    return is_like_it and is_open and is_text and not is_item


def _is_short(block: Block, line: Line) -> bool:
    """Whether the last line was ended on purpose: the next word would have found room."""
    last = block.lines[-1]
    if last.text.endswith((BROKEN, "-")):
        return False
    return last.right + _SPACE * last.size + line.first < block.edge


def _tie(block: Block, line: Line, looks: Looks) -> Tie:
    """What ties a line to the block above it in its column."""
    last = block.lines[-1]
    is_tight = last.base - line.base < _GAP * looks.pitch * max(last.size, line.size)
    if block.is_code or _is_code(line, looks):
        return _tie_of_code(block, line, is_tight=is_tight, is_code=_is_code(line, looks))
    is_short = _is_short(block, line)
    if not is_tight or not is_like(last.size, line.size) or BULLET.match(line.text):
        return "apart"
    if line.bold != last.bold and is_short:
        return "apart"
    if line.size < LARGER * looks.size and _begins(block, line, is_short=is_short):
        return "apart"
    return "line" if is_short or line.has_cells or last.has_cells else "same"


def _tie_of_code(block: Block, line: Line, *, is_tight: bool, is_code: bool) -> Tie:
    if block.is_code:
        return "line" if is_code else "apart"
    last = block.lines[-1]
    is_open = not _ENDED.search(last.text) and not _is_short(block, line)
    is_below = is_tight and abs(line.left - last.left) < _INDENT * line.size
    return "same" if is_open and is_below else "apart"  # a term alone on the line of a paragraph


def _begins(block: Block, line: Line, *, is_short: bool) -> bool:
    """Whether a line begins a paragraph, by where it and the one before it stand."""
    last, shift = block.lines[-1], (line.left - block.lines[-1].left) / line.size
    is_ended = _ENDED.search(last.text) is not None
    if _NUMBERED.match(line.text) and (is_short or is_ended):
        return True
    is_first = len(block.lines) == 1
    hangs = is_first and (BULLET.match(last.text) or _NUMBERED.match(last.text))
    is_moved = (shift > _INDENT and not hangs) or (shift < -_INDENT and not is_first)
    return (is_moved and (is_short or is_ended)) or (is_short and is_ended)
