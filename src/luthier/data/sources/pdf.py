"""PDF, by PDFium: all pages as one running text, with headings as in Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from luthier.core.errors import DataError, missing
from luthier.data.content import Content
from luthier.data.printed.columns import in_order
from luthier.data.printed.hyphens import mended
from luthier.data.printed.looks import Looks
from luthier.data.printed.running import without_running
from luthier.data.printed.text import text_of
from luthier.data.printed.words import Line, rows
from luthier.data.sources import sources
from luthier.data.sources._documents import as_record, empty, whole_bytes
from luthier.data.sources._pdf_words import PageWords
from luthier.data.sources.contract import NoText, Record

_MARK = b"%PDF-"
_WITHIN = 1024
"""Bytes before which the mark has to stand."""
_PASSWORD_CODES = ("password", "security")
_SHOWN = 8


@sources.add
class Pdf:
    """Lines become paragraphs, and what is set larger or bold headings; lines that come again at
    heads and feet of pages are left out."""

    suffixes: ClassVar[frozenset[str]] = frozenset({"pdf"})
    binary: ClassVar[bool] = True
    parts: ClassVar[str] = ""
    is_sure: ClassVar[bool] = False

    def accepts(self, content: Content) -> bool:
        return _MARK in content.head[:_WITHIN]

    def read(self, content: Content) -> tuple[Iterator[tuple[int, Record]], str]:
        return as_record(self, content)

    def text(self, content: Content) -> tuple[str, str]:
        pages = _pages(content)
        looks = Looks.of(pages)
        kept, num_out = without_running(pages, looks.size)
        text, num_headings = text_of(kept, looks)
        text, mending = mended(text)
        if not text.strip():
            todo = "It holds pictures of pages: let a program for OCR write the text, and name that"
            raise empty(content.name, "a PDF", todo=todo)
        how = [f"PDF of {len(pages)} page{'s' if len(pages) != 1 else ''}"]
        how += _bare(pages)
        how += [f"{num_headings} headings"] if num_headings else []
        how += [f"{num_out} lines at heads and feet of pages left out"] if num_out else []
        return text.strip(), ", ".join([*how, *mending])


def _bare(pages: Sequence[list[Line]]) -> list[str]:
    """Which pages have no text, in words."""
    bare = [number for number, page in enumerate(pages, start=1) if not page]
    if not bare:
        return []
    shown = ", ".join(map(str, bare[:_SHOWN])) + (", ..." if len(bare) > _SHOWN else "")
    return [f"{len(bare)} of them without text (page {shown}; pictures are not read)"]


def _pages(content: Content) -> list[list[Line]]:
    """The lines of every page.

    Raises: DataError: damaged. NoText: it opens with a password only.
    """
    try:
        import pypdfium2
        import pypdfium2.raw as raw
    except ImportError as error:
        raise missing("pypdfium2", "documents", "Reading PDF files") from error
    number = 0
    try:
        book = pypdfium2.PdfDocument(content.path or whole_bytes(content))
        try:
            found: list[list[Line]] = []
            for number in range(1, len(book) + 1):
                found.append(_lines(raw, book, number - 1))
            return found
        finally:
            book.close()
    except pypdfium2.PdfiumError as error:
        if any(word in str(error).lower() for word in _PASSWORD_CODES):
            raise NoText(
                f"{content.name}: opens with a password only.\n"
                "    Save it without one, and name that file",
                why="a PDF with a password",
            ) from None
        where = f", page {number}" if number else ""
        raise DataError(
            f"{content.name}{where}: not a readable PDF ({error}).\n"
            "    It may be cut off, or of another kind: copy it again or correct its extension"
        ) from None


def _lines(raw: Any, book: Any, number: int) -> list[Line]:
    page = book[number]
    held = page.get_textpage()
    found = [Line.of(row) for row in in_order(rows(PageWords(raw, held).words()))]
    held.close()
    page.close()
    return found
