"""Documents of Word (.docx), by mammoth: headings by their styles, tables, lists and notes."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from typing import ClassVar

from luthier.core.errors import DataError, missing
from luthier.data.content import Content
from luthier.data.sources import sources
from luthier.data.sources._documents import LARGEST, as_record, empty, too_large, whole_bytes
from luthier.data.sources._markup import plain_text
from luthier.data.sources.contract import NoText, Record

_ZIP = b"PK\x03\x04"
_OLE = b"\xd0\xcf\x11\xe0"
"""How an old document begins, and one with a password."""
_MEMBER = "word/document.xml"


@sources.add
class Docx:
    """The text as it reads with all changes accepted, without comments, heads and feet of pages."""

    suffixes: ClassVar[frozenset[str]] = frozenset({"docx", "docm"})
    binary: ClassVar[bool] = True
    parts: ClassVar[str] = ""
    is_sure: ClassVar[bool] = False

    def accepts(self, content: Content) -> bool:
        is_named = content.suffix in self.suffixes
        return content.head.startswith(_ZIP) and (is_named or b"word/" in content.head[:4096])

    def read(self, content: Content) -> tuple[Iterator[tuple[int, Record]], str]:
        return as_record(self, content)

    def text(self, content: Content) -> tuple[str, str]:
        markup = _markup(whole_bytes(content), name=content.name)
        text, _ = plain_text(f"<main>{markup}</main>", where=content.name)
        if not text:
            todo = "If it holds pictures of pages, read them into text first"
            raise empty(content.name, "a document of Word", todo=todo)
        return text, "document of Word"


def _markup(data: bytes, *, name: str) -> str:
    """The document as HTML. Raises: DataError: damaged, with a password, or too large inside."""
    if data.startswith(_OLE):
        raise NoText(
            f"{name}: needs a password, or is of a Word before 2007.\n"
            "    Open it and save it as .docx without a password",
            why="a document of Word with a password",
        )
    try:
        import mammoth
    except ImportError as error:
        raise missing("mammoth", "documents", "Reading documents of Word") from error
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if archive.getinfo(_MEMBER).file_size > LARGEST:
                raise too_large(name)
        pictures = mammoth.images.img_element(_no_picture)
        return str(mammoth.convert_to_html(io.BytesIO(data), convert_image=pictures).value)
    except (zipfile.BadZipFile, KeyError, ValueError, EOFError, OSError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(
            f"{name}: not a readable document of Word ({error}).\n"
            "    Open it and save it again as .docx, then name that file"
        ) from None


def _no_picture(_: object) -> dict[str, str]:
    return {}
