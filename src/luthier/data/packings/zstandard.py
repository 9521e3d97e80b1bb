"""Zstandard (RFC 8878)."""

from __future__ import annotations

from typing import BinaryIO, ClassVar, cast

import pyarrow as pa

from luthier.data.packings import packings


@packings.add
class Zstandard:
    """Unpacked by the library that reads Parquet, which needs the same."""

    start: ClassVar[bytes] = b"\x28\xb5\x2f\xfd"
    suffixes: ClassVar[frozenset[str]] = frozenset({"zst", "zstd"})
    words: ClassVar[str] = "a Zstandard file"
    faults: ClassVar[tuple[type[Exception], ...]] = (OSError, pa.ArrowException)

    def open(self, packed: BinaryIO) -> BinaryIO:
        return cast(BinaryIO, pa.CompressedInputStream(packed, "zstd"))
