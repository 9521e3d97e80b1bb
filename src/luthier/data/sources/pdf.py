"""PDF, by PDFium: the text of all pages in the order in which it is written there."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from luthier.core.errors import DataError, missing
from luthier.data.content import Content
from luthier.data.sources import sources
from luthier.data.sources._characters import LIGATURES
from luthier.data.sources._documents import as_record, empty, whole_bytes
from luthier.data.sources._hyphens import BROKEN, mended
from luthier.data.sources.contract import NoText, Record

_MARK = b"%PDF-"
_WITHIN = 1024
"""Bytes before which the mark has to stand."""
_DIGITS = re.compile(r"\d+")
_FEWEST_PAGES = 3
"""Pages on which a line begins or ends the text before it is one that all such pages have."""
_PASSWORD_CODES = ("password", "security")


@sources.add
class Pdf:
    """Lines as on the page. Lines that begin or end three pages and more, but for their numbers,
    are left out; so is the hyphen of a word broken at the end of a line."""

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
        bare = sum(not page for page in pages)
        kept, num_out = _without_running_lines(pages)
        text, mending = mended("\n".join("\n".join(page) for page in kept if page))
        if not text.strip():
            todo = "It holds pictures of pages: let a program for OCR write the text, and name that"
            raise empty(content.name, "a PDF", todo=todo)
        how = [f"PDF of {len(pages)} page{'s' if len(pages) != 1 else ''}"]
        how += [f"{bare} of them without text"] if bare else []
        how += [f"{num_out} lines at heads and feet of pages left out"] if num_out else []
        return text.strip(), ", ".join([*how, *mending])


def _pages(content: Content) -> list[list[str]]:
    """The lines of every page that are not blank.

    Raises: DataError: damaged. NoText: it opens with a password only.
    """
    try:
        import pypdfium2
    except ImportError as error:
        raise missing("pypdfium2", "documents", "Reading PDF files") from error
    try:
        book = pypdfium2.PdfDocument(content.path or whole_bytes(content))
        try:
            return [_lines(book, number) for number in range(len(book))]
        finally:
            book.close()
    except pypdfium2.PdfiumError as error:
        if any(word in str(error).lower() for word in _PASSWORD_CODES):
            raise NoText(
                f"{content.name}: opens with a password only.\n"
                "    Save it without one, and name that file",
                why="a PDF with a password",
            ) from None
        raise DataError(
            f"{content.name}: not a readable PDF ({error}).\n"
            "    It may be cut off, or of another kind: copy it again or correct its extension"
        ) from None


def _lines(book: Any, number: int) -> list[str]:
    page = book[number]
    held = page.get_textpage()
    text = str(held.get_text_range(errors="ignore")).translate(LIGATURES)
    held.close()
    page.close()
    lines = text.replace("\r\n", "\n").replace("\r", "\n").replace("\2", BROKEN).split("\n")
    return [line.rstrip() for line in lines if line.strip()]


def _without_running_lines(pages: Sequence[list[str]]) -> tuple[list[list[str]], int]:
    """The pages without the lines at their beginning or end that other pages had there before."""
    ends = Counter(_end(page, place) for page in pages for place in (0, -1) if page)
    again = {end for end, count in ends.items() if count >= _FEWEST_PAGES}
    met: set[tuple[int, str]] = set()
    kept: list[list[str]] = []
    for page in pages:
        found = [_end(page, place) for place in (0, -1) if page]
        # the first is often the title; a number alone is none
        out = [end in again and (end in met or end[1].strip() == "0") for end in found] or [
            False
        ] * 2
        met.update(found)
        kept.append(page[out[0] : len(page) - out[1]] if len(page) > 1 else page[out[0] :])
    return kept, sum(map(len, pages)) - sum(map(len, kept))


def _end(page: Sequence[str], place: int) -> tuple[int, str]:
    return place, _DIGITS.sub("0", page[place])
