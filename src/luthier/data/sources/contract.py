"""What a source is: it turns the content of one file into records, each with its line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, Protocol

from luthier.data.content import Content

Record = dict[str, Any]
EXTRA = "\0extra"
"""Column that holds fields which no heading names; such a record is dropped, and counted."""


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
