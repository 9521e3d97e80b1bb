"""Documents as records: one for each file, with its whole text."""

from __future__ import annotations

from collections.abc import Iterator

from luthier.core.errors import DataError
from luthier.data.content import Content
from luthier.data.sources.contract import Documents, NoText, Record

LARGEST = 64 << 20
"""Characters, or bytes of what is not text; nobody writes more in one document."""


def as_record(kind: Documents, content: Content) -> tuple[Iterator[tuple[int, Record]], str]:
    """The document as the only record of its file, and how it is read.

    Raises: DataError: as `Documents.text`.
    """
    text, how = kind.text(content)
    return iter([(1, {"text": text})]), f"{how}; one document"


def whole_text(content: Content) -> str:
    """All of a text file, every line end a line feed.

    Raises: DataError: it is larger than any document.
    """
    with content.stream() as file:
        text = file.read(LARGEST + 1)
    if len(text) > LARGEST:
        raise too_large(content.name)
    return text


def whole_bytes(content: Content) -> bytes:
    """All bytes of a file. Raises: DataError: it is larger than any document."""
    with content.open() as file:
        data = file.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise too_large(content.name)
    return data


def too_large(name: str) -> DataError:
    """The message for a file that is no document."""
    return DataError(
        f"{name}: is larger than {LARGEST >> 20} MB, expected a document.\n"
        "    Divide it, or write its texts as JSON Lines: a row per line, such as "
        '{"text": "..."}'
    )


def empty(name: str, what: str, *, todo: str) -> NoText:
    """The message for a document in which nothing is written.

    Args: what: such as "a PDF". todo: the next action.
    """
    return NoText(f"{name}: is {what} without text.\n    {todo}", why=f"{what} without text")
