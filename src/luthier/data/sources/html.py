"""Web pages: the main text of each is a document, without menus, scripts and the like."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar

from luthier.data.content import Content
from luthier.data.sources import sources
from luthier.data.sources._documents import as_record, empty, whole_text
from luthier.data.sources._markup import plain_text
from luthier.data.sources.contract import Record

_BEGINNING = re.compile(
    r"\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)?(<!doctype html|<html[\s>])", re.I | re.S
)


@sources.add
class Html:
    """What stands in `<main>` or the only `<article>`, else in `<body>`."""

    suffixes: ClassVar[frozenset[str]] = frozenset({"html", "htm", "xhtml"})
    binary: ClassVar[bool] = False
    parts: ClassVar[str] = ""
    is_sure: ClassVar[bool] = True

    def accepts(self, content: Content) -> bool:
        return _BEGINNING.match(content.text[:4096]) is not None

    def read(self, content: Content) -> tuple[Iterator[tuple[int, Record]], str]:
        return as_record(self, content)

    def text(self, content: Content) -> tuple[str, str]:
        text, num_out = plain_text(whole_text(content), where=content.name)
        if not text:
            todo = "Save it in a browser once it is shown, and name that file"
            raise empty(content.name, "a web page", todo=todo)
        blocks = "block" if num_out == 1 else "blocks"
        out = f", {num_out} {blocks} of menus and the like left out" if num_out else ""
        return text, f"HTML, its main text{out}"
