"""xz, the container of LZMA2."""

from __future__ import annotations

import lzma
from typing import BinaryIO, ClassVar, cast

from luthier.data.packings import packings


@packings.add
class Xz:
    """Unpacked by Python's own reader."""

    start: ClassVar[bytes] = b"\xfd7zXZ\x00"
    suffixes: ClassVar[frozenset[str]] = frozenset({"xz"})
    words: ClassVar[str] = "an xz file"
    faults: ClassVar[tuple[type[Exception], ...]] = (EOFError, lzma.LZMAError)

    def open(self, packed: BinaryIO) -> BinaryIO:
        return cast(BinaryIO, lzma.open(packed))
