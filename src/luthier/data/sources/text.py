"""Plain text: a row per paragraph where blank lines part them, else a row per line."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import ClassVar

from luthier.data.content import Content
from luthier.data.sources import sources
from luthier.data.sources.contract import Record


@sources.add
class PlainText:
    """Every record has one column, `text`."""

    suffixes: ClassVar[frozenset[str]] = frozenset({"txt", "text", "md", "markdown"})
    binary: ClassVar[bool] = False
    parts: ClassVar[str] = ""
    is_sure: ClassVar[bool] = False

    def accepts(self, content: Content) -> bool:
        del content
        return False  # any text is plain text: chosen when nothing else is recognised

    def read(self, content: Content) -> tuple[Iterator[tuple[int, Record]], str]:
        if _has_paragraphs(content):
            return _paragraphs(content), "plain text, one row per paragraph (blank lines part them)"
        return _lines(content), "plain text, one row per line"


def _has_paragraphs(content: Content) -> bool:
    """Whether a blank line stands between two that are not."""
    is_begun = is_parted = False
    for _, line in content.lines():
        if not line.strip():
            is_parted = is_begun
        elif is_parted:
            return True
        else:
            is_begun = True
    return False


def _lines(content: Content) -> Iterator[tuple[int, Record]]:
    for number, line in content.lines():
        if line.strip():
            yield number, {"text": line}


def _paragraphs(content: Content) -> Iterator[tuple[int, Record]]:
    start, held = 0, list[str]()
    for number, line in chain(content.lines(), [(0, "")]):
        if line.strip():
            start = start if held else number
            held.append(line)
        elif held:
            yield start, {"text": "\n".join(held)}
            held = []
