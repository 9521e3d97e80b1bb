"""CoNLL columns: a word and its tag per line, blank lines between sentences.

Source: Tjong Kim Sang and De Meulder 2003, arXiv:cs/0306050, section 2.1. Files with other columns
between (part of speech, chunk) and with tabs instead of spaces are read alike.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from itertools import chain
from typing import ClassVar

from luthier.core.errors import DataError
from luthier.data.content import Content
from luthier.data.sources import sources
from luthier.data.sources._syntax import unify_newlines
from luthier.data.sources.contract import Record

TAG = re.compile(r"O|[BIESLUMW]-\S+")
_DOCUMENT = "-DOCSTART-"
_LOOKED_AT = 2000
"""Lines that tell whether a file is of this kind."""
_FEWEST = 3


@sources.add
class Conll:
    """Every sentence is a record of lists: `tokens`, `tags` and, between them, `column_2`, ..."""

    suffixes: ClassVar[frozenset[str]] = frozenset({"conll", "bio", "iob", "iob2", "bioes", "ner"})
    binary: ClassVar[bool] = False
    parts: ClassVar[str] = ""
    is_sure: ClassVar[bool] = True

    def accepts(self, content: Content) -> bool:
        lines = unify_newlines(content.text[:200_000]).split("\n")[:_LOOKED_AT]
        if len(content.text) > 200_000:
            lines = lines[:-1]  # cut in the middle
        filled = [line for line in lines if _is_word(line)]
        if len(filled) < _FEWEST:
            return False
        cells = [_cells(line, tabbed=_tabbed(filled)) for line in filled]
        widths = {len(row) for row in cells}
        if len(widths) > 1 or widths == {1}:
            return False
        has_sentences = any(not line.strip() for line in lines[:-1])
        is_named = content.suffix in self.suffixes
        return (has_sentences or is_named) and all(TAG.fullmatch(row[-1]) for row in cells)

    def read(self, content: Content) -> tuple[Iterator[tuple[int, Record]], str]:
        tabbed = all("\t" in line for _, line in content.lines() if _is_word(line))
        filled = (line for _, line in content.lines() if _is_word(line))
        widths = Counter(len(_cells(line, tabbed=tabbed)) for line in filled)
        width = widths.most_common(1)[0][0] if widths else 0
        if width < 2:
            raise DataError(
                f"{content.name}: the lines hold one column, expected a word and its tag.\n"
                "    Put a tab or a space between them, and a blank line between sentences"
            )
        between = "tabs" if tabbed else "spaces"
        how = f"CoNLL columns, {width} of them with {between} between, the last one the tag"
        return _sentences(content, width, tabbed=tabbed), how


def _sentences(content: Content, width: int, *, tabbed: bool) -> Iterator[tuple[int, Record]]:
    start, held = 0, list[list[str]]()
    for number, line in chain(content.lines(), [(0, "")]):
        if not _is_word(line):
            if held:
                yield start, _record(held)
                held = []
            continue
        cells = _cells(line, tabbed=tabbed)
        if len(cells) != width or not cells[0]:
            came = len([c for c in cells if c])
            raise DataError(
                f"{content.name} line {number}: got {came} column{'' if came == 1 else 's'} "
                f"({line[:60]!r}), expected {width} as in the other lines.\n"
                "    Every line holds a word and, last, its tag; sentences end with a blank line"
            )
        start = start if held else number
        held.append(cells)


def _record(held: list[list[str]]) -> Record:
    columns = list(zip(*held, strict=True))
    between = {f"column_{place}": list(columns[place - 1]) for place in range(2, len(columns))}
    return {"tokens": list(columns[0]), **between, "tags": list(columns[-1])}


def _is_word(line: str) -> bool:
    """Not a blank line, nor the mark of a new document."""
    return bool(line.strip()) and not line.startswith(_DOCUMENT)


def _tabbed(filled: list[str]) -> bool:
    return all("\t" in line for line in filled)


def _cells(line: str, *, tabbed: bool) -> list[str]:
    # not split(): U+00A0 and the like may be the word itself
    if tabbed:
        return [cell.strip(" \r") for cell in line.split("\t")]
    return re.split(r"[ \t]+", line.strip(" \t\r"))
