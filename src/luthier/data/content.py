"""One file as bytes and as text: opened as often as it takes, and never whole in memory."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TextIO

from luthier.core.errors import DataError

HEAD_BYTES = 4_000_000
"""What is looked at to tell what a file is."""
PIECE_BYTES = 1 << 20
LONGEST_LINE = 64 << 20
"""Characters. Nothing can be learned from a longer line, and it may be more than memory holds."""


@dataclass(frozen=True, slots=True)
class Content:
    """One file. `codec` and `text` are empty where it is binary (see `Source.binary`)."""

    name: str
    """The file as the user named it."""
    suffix: str
    """Lower-case extension without the dot, of what is inside where it is packed."""
    open: Callable[[], BinaryIO]
    """Its bytes from the start, unpacked."""
    head: bytes
    """The first of them."""
    path: Path | None = None
    """Where exactly these bytes lie as a file."""
    part: str = ""
    """Which of several lists of rows in it is meant, as said behind "#"; empty: not said."""
    codec: str = ""
    skipped: int = 0
    """Bytes of a byte order mark."""
    text: str = ""
    """The beginning, decoded, with its line ends as they are."""

    def stream(self, *, newline: str | None = None) -> TextIO:
        """The text from its beginning.

        Args: newline: as in `open`; None: every line end becomes a line feed.
        """
        file = self.open()
        file.read(self.skipped)
        return io.TextIOWrapper(file, encoding=self.codec, newline=newline)

    def pieces(self) -> Iterator[str]:
        """The text in pieces, every line end a single line feed."""
        with self.stream() as text:
            while piece := text.read(PIECE_BYTES):
                yield piece

    def lines(self) -> Iterator[tuple[int, str]]:
        """Each line with its number, from 1, without its end; U+0085 and the like end none.

        Raises: DataError: one is longer than any row.
        """
        with self.stream() as text:
            number = 1
            while line := text.readline(LONGEST_LINE):
                if len(line) == LONGEST_LINE and not line.endswith("\n"):
                    raise too_long(self.name, number)
                yield number, line.removesuffix("\n")
                number += 1


def too_long(name: str, line: int) -> DataError:
    """The message for a line that is no row."""
    return DataError(
        f"{name} line {line}: is longer than {LONGEST_LINE >> 20} million characters, expected a "
        "row.\n    Write it again with line ends between the rows"
    )


def pieces_of(open_bytes: Callable[[], BinaryIO], skipped: int = 0) -> Iterator[bytes]:
    """The bytes in pieces, without so many at the beginning."""
    with open_bytes() as file:
        file.read(skipped)
        while piece := file.read(PIECE_BYTES):
            yield piece
