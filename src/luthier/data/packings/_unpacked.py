"""Bytes from inside a packed file, with a limit, and with one message where it is damaged."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any, BinaryIO, cast

from luthier.core.errors import DataError
from luthier.data.packings.contract import Packing

MOST_TIMES = 300
"""Texts are packed to a fifth, tables of repeated rows to a hundredth."""
FREE_BYTES = 256 << 20
"""So much is unpacked from a file of any size."""


def most_bytes(size: int) -> int:
    """What may come out of a packed file or an archive of so many bytes."""
    return max(FREE_BYTES, MOST_TIMES * size)


class _Unpacked(io.RawIOBase):
    """The unpacked bytes, counted."""

    def __init__(self, packed: BinaryIO, packing: Packing, *, name: str, most: int) -> None:
        self._packed, self._packing, self._name, self._most = packed, packing, name, most
        self._inner = packing.open(packed)
        self._read = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        try:
            piece = self._inner.read(len(buffer))
        except self._packing.faults as error:
            raise DataError(
                f"{self._name}: {self._packing.words} that is damaged or cut off after "
                f"{self._read:,} bytes of content ({error}).\n    Copy it or write it again"
            ) from None
        self._read += len(piece)
        if self._read > self._most:
            raise DataError(
                f"{self._name}: {self._packing.words} that unpacks to more than {self._most:,} "
                f"bytes, over {MOST_TIMES} times its size, as made to fill up memory or disk.\n"
                "    If you trust it, unpack it yourself and name the file that comes out"
            )
        buffer[: len(piece)] = piece
        return len(piece)

    def close(self) -> None:
        self._inner.close()
        self._packed.close()
        super().close()


def unpacked(
    packing: Packing, open_packed: Callable[[], BinaryIO], *, name: str, size: int
) -> Callable[[], BinaryIO]:
    """What opens the content of a packed file.

    Args: size: bytes of the packed file. name: for messages.
    Reading raises: DataError: damaged, cut off, or far larger inside than any data is.
    """
    most = most_bytes(size)

    def opened() -> BinaryIO:
        raw = _Unpacked(open_packed(), packing, name=name, most=most)
        return cast(BinaryIO, io.BufferedReader(raw, 1 << 18))

    return opened
