"""The pages of the documentation, and what they hold besides prose."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from tests.architecture.source import ROOT

PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    ROOT / "benchmarks" / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
]
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`([^`\n]+)`")


def text_of(page: Path) -> str:
    """The page as it is written."""
    return page.read_text(encoding="utf-8")


def blocks(page: Path, kind: str) -> list[str]:
    """Fenced blocks of one kind; the kind of a block that names none is empty."""
    return [match[2] for match in _BLOCK.finditer(text_of(page)) if match[1] == kind]


def kinds(page: Path) -> set[str]:
    """The kinds of all fenced blocks."""
    return {match[1] for match in _BLOCK.finditer(text_of(page))}


def console_lines(page: Path) -> Iterator[str]:
    """Each command typed in the blocks of a terminal."""
    for block in blocks(page, "console"):
        for line in block.splitlines():
            if line.startswith("$ "):
                yield from re.split(r"&&|;", bare(line[2:]))


def bare(line: str) -> str:
    """A command without its comment and redirection."""
    return re.split(r"\s[#>]", line)[0].strip()


def spans(page: Path) -> list[str]:
    """Pieces of code within sentences and tables."""
    prose = _BLOCK.sub("", text_of(page))
    return [match[1].replace("\\|", "|") for match in _SPAN.finditer(prose)]
