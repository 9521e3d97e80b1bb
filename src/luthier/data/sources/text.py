"""Plain text: a row per paragraph where blank lines part them, else a row per line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from luthier.data.sources import sources
from luthier.data.sources._syntax import unify_newlines
from luthier.data.sources.contract import Content, Record


@sources.add
class PlainText:
    """Every record has one column, `text`."""

    suffixes: ClassVar[frozenset[str]] = frozenset({"txt", "text", "md"})
    binary: ClassVar[bool] = False
    is_sure: ClassVar[bool] = False

    def accepts(self, content: Content) -> bool:
        del content
        return False  # any text is plain text: chosen when nothing else is recognised

    def read(self, content: Content) -> tuple[Iterator[tuple[int, Record]], str]:
        lines = unify_newlines(content.text).split("\n")
        if any(not line.strip() for line in _without_ends(lines)):
            return _paragraphs(lines), "plain text, one row per paragraph (blank lines part them)"
        return _lines(lines), "plain text, one row per line"


def _without_ends(lines: list[str]) -> list[str]:
    filled = [number for number, line in enumerate(lines) if line.strip()]
    return lines[filled[0] : filled[-1] + 1] if filled else []


def _lines(lines: list[str]) -> Iterator[tuple[int, Record]]:
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield number, {"text": line}


def _paragraphs(lines: list[str]) -> Iterator[tuple[int, Record]]:
    start, held = 0, list[str]()
    for number, line in enumerate([*lines, ""], start=1):
        if line.strip():
            start = start if held else number
            held.append(line)
        elif held:
            yield start, {"text": "\n".join(held)}
            held = []
