"""Blocks of printed pages as text, with headings, lists and code as in Markdown."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from luthier.data.printed.blocks import BULLET, LARGER, Block, blocks
from luthier.data.printed.hyphens import BROKEN
from luthier.data.printed.looks import Looks
from luthier.data.printed.words import Line, is_wide

_LARGE_LONGEST, _LARGE_LINES = 200, 3
_BOLD_LONGEST, _BOLD_LINES = 120, 2
"""Characters and lines of a heading that is set larger, and of one that is only set bold."""
_NO_END = re.compile(r"[.,;:]$")
_LEAST_SHARE = 0.4
"""Of characters that have the usual size; with fewer, as in scans that were read, sizes say
nothing."""
_LEVELS = 6
_LETTER = re.compile(r"[^\W\d_]")
_MARK = re.compile(r"^(?=#{1,6} \S)", re.MULTILINE)
_HYPHEN = re.compile(r"(?<=[^\W\d_])[-\u2010]$")


def text_of(pages: Sequence[Sequence[Line]], looks: Looks) -> tuple[str, int]:
    """The text of a document, and how many headings it has."""
    found = blocks(pages, looks)
    levels = _levels(found, looks)
    parts, number = list[str](), 0
    for block in found:
        size = _size(block, looks)
        if _is_heading(block, looks):
            parts.append(f"{'#' * levels[size]} {' '.join(_joined(block).split())}")
            number += 1
        else:
            parts.append(_code(block) if block.is_code else _paragraph(block))
    return "\n\n".join(parts), number


def _levels(found: Sequence[Block], looks: Looks) -> dict[float, int]:
    """The size of headings -> their level, the largest first."""
    met = {_size(block, looks) for block in found if _is_heading(block, looks)}
    return {
        size: min(level, _LEVELS) for level, size in enumerate(sorted(met, reverse=True), start=1)
    }


def _size(block: Block, looks: Looks) -> float:
    """Rounded; that of most text where a heading is only bold."""
    size = block.lines[0].size
    return round(2 * size) / 2 if size >= LARGER * looks.size else looks.size


def _is_heading(block: Block, looks: Looks) -> bool:
    """Whether a block is set larger than most text, or bold and by itself."""
    lines, length = block.lines, sum(len(line.text) + 1 for line in block.lines)
    last = lines[-1].text
    if block.is_code or any(line.has_cells for line in lines) or BULLET.match(lines[0].text):
        return False
    if length <= 2 or not any(_LETTER.search(line.text) for line in lines):
        return False
    if lines[0].size >= LARGER * looks.size and looks.share >= _LEAST_SHARE:
        return len(lines) <= _LARGE_LINES and length <= _LARGE_LONGEST and last[-1] not in ",;"
    is_bold = not looks.bold and all(line.bold for line in lines)
    is_bold = is_bold and lines[0].size >= looks.size / LARGER
    is_few = len(lines) <= _BOLD_LINES and length <= _BOLD_LONGEST
    return is_bold and is_few and not _NO_END.search(last)


def _paragraph(block: Block) -> str:
    text = _MARK.sub(r"\\", _joined(block))
    mark = BULLET.match(text)
    return f"- {text[mark.end() :]}" if mark and mark.end() < len(text) else text


def _joined(block: Block) -> str:
    text = block.lines[0].text
    for is_own, line in zip(block.breaks, block.lines[1:], strict=True):
        if is_own:
            text += f"\n{line.text}"
        elif text.endswith(BROKEN) or (is_wide(text[-1]) and is_wide(line.text[0])):
            text += line.text
        elif _HYPHEN.search(text):
            text = f"{text[:-1]}{BROKEN}{line.text}"
        else:
            text += f" {line.text}"
    return text.replace(f"{BROKEN}\n", "-\n")


def _code(block: Block) -> str:
    """Lines as they are, indented as they stand on the page."""
    lines = [line.text.replace(BROKEN, "-") for line in block.lines]
    if len(lines) == 1:
        return f"`{lines[0]}`" if "`" not in lines[0] else lines[0]
    left = min(line.left for line in block.lines)
    widths = [(line.right - line.left) / len(line.text) for line in block.lines]
    indented = [
        " " * round((line.left - left) / width) + text if width else text
        for line, width, text in zip(block.lines, widths, lines, strict=True)
    ]
    drops = [a.base - b.base for a, b in pairwise(block.lines)]
    usual = min((drop for drop in drops if drop > 0), default=0.0)
    parts = [indented[0]]
    for drop, text in zip(drops, indented[1:], strict=True):
        parts += ["", text] if drop > 1.5 * usual else [text]
    return "\n".join(["```", *parts, "```"])
