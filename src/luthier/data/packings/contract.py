"""What a packing is: it gives back the bytes of the file that was packed."""

from __future__ import annotations

from typing import BinaryIO, ClassVar, Protocol


class Packing(Protocol):
    """Stateless; built without arguments."""

    start: ClassVar[bytes]
    """What every such file begins with."""
    suffixes: ClassVar[frozenset[str]]
    """Extensions that go when it is unpacked, lower-case without the dot."""
    words: ClassVar[str]
    """"a gzip file"."""
    faults: ClassVar[tuple[type[Exception], ...]]
    """What reading raises where the file is damaged or cut off."""

    def open(self, packed: BinaryIO) -> BinaryIO:
        """The unpacked bytes from their start."""
        ...
