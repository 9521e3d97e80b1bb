"""What a source is: it turns the content of one file into records, each with its line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, runtime_checkable

from luthier.core.errors import DataError
from luthier.data.content import Content

Record = dict[str, Any]
EXTRA = "\0extra"
"""Column that holds fields which no heading names; such a record is dropped, and counted."""
ASIDE = "\0aside"
"""Column that holds an `Aside`."""


@dataclass(frozen=True, slots=True)
class Aside:
    """What is known of a document, or a part of one, beside its text."""

    file: str = ""
    """The file, where it is one of many under one name."""
    part: str = ""
    """Which part of it, in words."""
    document: str = ""
    """What all parts of one document have in common."""
    unread: str = ""
    """Why there is no text; such a record is dropped, and counted."""


class Source(Protocol):
    """Stateless; built without arguments."""

    suffixes: ClassVar[frozenset[str]]
    """Extensions it owns, lower-case without the dot."""
    binary: ClassVar[bool]
    """True: reads its bytes; False: its text."""
    is_sure: ClassVar[bool]
    """What it accepts can be nothing else, whatever the file is called."""

    parts: ClassVar[str]
    """What of it `Content.part` names: "sheets"; empty: it has no parts."""

    def accepts(self, content: Content) -> bool:
        """Whether the content, by its beginning and not only its extension, is of this kind."""
        ...

    def read(self, content: Content) -> tuple[Iterator[tuple[int, Record]], str]:
        """The records with the 1-based line each begins on, and a few words on how they are read.

        They are formed while they are walked: memory does not grow with their number.
        Raises: DataError: naming the line that cannot be read.
        """
        ...


@runtime_checkable
class Documents(Protocol):
    """A source whose files are documents: one text each, read alone or with others of a folder."""

    def text(self, content: Content) -> tuple[str, str]:
        """The whole text, its headings as in Markdown, and a few words on how it is read.

        Raises: NoText: there is none. DataError: it cannot be read.
        """
        ...


@runtime_checkable
class Numbering(Protocol):
    """A source that gives records their number instead of their line where many share one."""

    def is_numbered(self, content: Content) -> bool:
        """Whether it does so with this content."""
        ...


@runtime_checkable
class Untyped(Protocol):
    """A source whose values are all texts, also where the program that wrote them had none."""

    missing: ClassVar[frozenset[str]]
    """What programs write for it, besides nothing."""


MISSING = frozenset({"nan", "NaN", "<NA>", "NaT", "None", "NULL", "null"})
"""What pandas, Python and databases say in texts where there is no value."""


class NoText(DataError):
    """A document without text; among others of a folder it is left out, and counted.

    Args: why: in a few words that are the same for all such documents.
    """

    def __init__(self, message: str, *, why: str) -> None:
        super().__init__(message)
        self.why = why
