"""Signatures of many rows, and the keys of their bands: in memory while they are few, then on disk.

Legend: N rows, P some of them, K hashes of a signature.
"""

from __future__ import annotations

import os
import tempfile
import weakref
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from luthier.core import cache
from luthier.data.matching.keyed import Hash, Whole
from luthier.data.matching.minhash import Bands
from luthier.data.on_disk import no_room

IN_MEMORY_ROWS = 250_000
"""Of about 500 bytes each."""
_ODD = np.uint64(0x9E3779B97F4A7C15)

Signatures = NDArray[np.uint32]


class Signed:
    """The signatures of `count` rows, put one portion after the other; then asked for.

    On disk they take no memory but for the rows that are asked for, and 8 bytes for each row of
    one band.
    """

    def __init__(self, count: int, cut: Bands) -> None:
        self._count, self._cut, self._put = count, cut, 0
        self._files: tuple[BinaryIO, BinaryIO] | None = None
        self._signed_NK = np.empty((0, cut.total), np.uint32)
        self._band_BN = np.empty((cut.number, 0), np.uint64)
        if count > IN_MEMORY_ROWS:
            self._files = self._file(4 * cut.total), self._file(8 * cut.number)
        else:
            self._signed_NK = np.empty((count, cut.total), np.uint32)
            self._band_BN = np.empty((cut.number, count), np.uint64)

    @property
    def total(self) -> int:
        """Hashes of a signature."""
        return self._cut.total

    def put(self, signed_PK: Signatures) -> None:
        """The signatures of the next rows.

        Raises: DataError: the disk is full.
        """
        start, end = self._put, self._put + len(signed_PK)
        band_BP = _keys(signed_PK, self._cut)
        if self._files is None:
            self._signed_NK[start:end], self._band_BN[:, start:end] = signed_PK, band_BP
        else:
            rows, bands = self._files
            try:
                _write(rows, signed_PK.tobytes(), 4 * self._cut.total * start)
                for number, key_P in enumerate(band_BP):
                    _write(bands, key_P.tobytes(), 8 * (self._count * number + start))
            except OSError as error:
                raise no_room(self._count, error) from None
        self._put = end

    def band(self, number: int) -> Hash:
        """For each row the key of a band: equal where all hashes of the band are."""
        if self._files is None:
            return self._band_BN[number]
        file = self._files[1]
        file.seek(8 * self._count * number)
        return np.fromfile(file, np.uint64, self._count)

    def of(self, places: Whole) -> Signatures:
        """The signatures of some rows. Shape: (P, K)."""
        if self._files is None:
            return self._signed_NK[places]
        # not mapped: the system would keep the rows around each in memory too
        file, size = self._files[0].fileno(), 4 * self.total
        read = b"".join(os.pread(file, size, size * int(place)) for place in places)
        return np.frombuffer(read, np.uint32).reshape(-1, self.total)

    def _file(self, size: int) -> BinaryIO:
        """One without a name, with its place on the disk.

        Raises: DataError: there is none.
        """
        try:
            cache.root().mkdir(parents=True, exist_ok=True)
            file = tempfile.TemporaryFile(dir=cache.root(), buffering=0)  # noqa: SIM115
            weakref.finalize(self, file.close)
            file.truncate(size * self._count)
        except OSError as error:
            raise no_room(self._count, error) from None
        return file


def _keys(signed_PK: Signatures, cut: Bands) -> NDArray[np.uint64]:
    """Of each band. Shape: (bands, P)."""
    hashed_PBH = signed_PK.reshape(-1, cut.number, cut.hashes).astype(np.uint64)
    key_PB = np.zeros(hashed_PBH.shape[:2], np.uint64)
    for at in range(cut.hashes):
        key_PB = (key_PB ^ hashed_PBH[:, :, at]) * _ODD
        key_PB ^= key_PB >> np.uint64(29)
    return key_PB.T


def _write(file: BinaryIO, data: bytes, at: int) -> None:
    left = memoryview(data)
    while left:
        done = os.pwrite(file.fileno(), left, at)
        left, at = left[done:], at + done
