"""gzip (RFC 1952), also of several members one after the other."""

from __future__ import annotations

import gzip
import zlib
from typing import BinaryIO, ClassVar, cast

from luthier.data.packings import packings


@packings.add
class Gzip:
    """Unpacked by Python's own reader."""

    start: ClassVar[bytes] = b"\x1f\x8b"
    suffixes: ClassVar[frozenset[str]] = frozenset({"gz", "gzip"})
    words: ClassVar[str] = "a gzip file"
    faults: ClassVar[tuple[type[Exception], ...]] = (EOFError, gzip.BadGzipFile, zlib.error)

    def open(self, packed: BinaryIO) -> BinaryIO:
        return cast(BinaryIO, gzip.open(packed))
