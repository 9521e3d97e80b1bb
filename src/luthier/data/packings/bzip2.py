"""bzip2, also of several streams one after the other."""

from __future__ import annotations

import bz2
from typing import BinaryIO, ClassVar, cast

from luthier.data.packings import packings


@packings.add
class Bzip2:
    """Unpacked by Python's own reader."""

    start: ClassVar[bytes] = b"BZh"
    suffixes: ClassVar[frozenset[str]] = frozenset({"bz2"})
    words: ClassVar[str] = "a bzip2 file"
    faults: ClassVar[tuple[type[Exception], ...]] = (EOFError, OSError)

    def open(self, packed: BinaryIO) -> BinaryIO:
        return cast(BinaryIO, bz2.open(packed))
