"""Markdown: each file a document, as it is written, without what stands before its text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar

from luthier.data.content import Content
from luthier.data.sources import sources
from luthier.data.sources._documents import as_record, empty, whole_text
from luthier.data.sources.contract import Record

_MARKS = re.compile(r"^(?: {0,3}#{1,6} \S|(?:```|~~~)|(?:=|-){3,}[ \t]*$)", re.MULTILINE)
"""A heading, a fence of code, or the line under a heading or around front matter."""
_FRONT = re.compile(
    r"\s*---[ \t]*\n((?:[ \t#-].*\n|\w[\w-]*:.*\n|\n)*?)(?:---|\.\.\.)[ \t]*(?:\n|\Z)"
)
"""Settings in YAML at the beginning, such as a title and a date."""


@sources.add
class Markdown:
    """Headings and code stay; front matter is left out. A file without any mark of Markdown is
    plain text."""

    suffixes: ClassVar[frozenset[str]] = frozenset({"md", "markdown"})
    binary: ClassVar[bool] = False
    parts: ClassVar[str] = ""
    is_sure: ClassVar[bool] = False

    def accepts(self, content: Content) -> bool:
        if content.suffix not in self.suffixes:
            return False
        text = content.text.replace("\r\n", "\n").replace("\r", "\n")
        return _MARKS.search(text) is not None

    def read(self, content: Content) -> tuple[Iterator[tuple[int, Record]], str]:
        return as_record(self, content)

    def text(self, content: Content) -> tuple[str, str]:
        text = whole_text(content)
        front = _FRONT.match(text)
        text = (text[front.end() :] if front else text).strip("\0 \t\n")
        if not text:
            todo = "Write something below its front matter"
            raise empty(content.name, "Markdown", todo=todo)
        return text, "Markdown" + (", its front matter left out" if front else "")
