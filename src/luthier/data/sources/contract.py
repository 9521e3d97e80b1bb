"""What a source is: it turns the content of one file into records, each with its line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

Record = dict[str, Any]
EXTRA = "\0extra"
"""Column that holds fields which no heading names; such a record is dropped, and counted."""


@dataclass(frozen=True, slots=True)
class Content:
    """One file in memory. `text` is empty where the file is binary (see `Source.binary`)."""

    name: str
    """The file as the user named it."""
    suffix: str
    """Lower-case extension without the dot."""
    data: bytes
    text: str = ""


class Source(Protocol):
    """Stateless; built without arguments."""

    suffixes: ClassVar[frozenset[str]]
    """Extensions it owns, lower-case without the dot."""
    binary: ClassVar[bool]
    """True: reads `data`; False: reads `text`."""
    is_sure: ClassVar[bool]
    """What it accepts can be nothing else, whatever the file is called."""

    def accepts(self, content: Content) -> bool:
        """Whether the content itself (not only its extension) is of this kind."""
        ...

    def read(self, content: Content) -> tuple[Iterator[tuple[int, Record]], str]:
        """The records with the 1-based line each begins on, and a few words on how they are read.

        Raises: DataError: naming the line that cannot be read.
        """
        ...
