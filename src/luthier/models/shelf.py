"""Arrays that lie in a file without a name, so that memory does not grow with the rows."""

from __future__ import annotations

import mmap
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FIRST, LARGEST = 1 << 20, 256 << 20
"""Bytes of the first piece of room, and of the largest; each is twice the one before."""
_ALIGN = 64


class Shelf:
    """The system holds in memory what is in use, and writes the rest out by itself.

    Nothing is left behind, however the process ends: the files have no name.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._room = mmap.mmap(-1, 1)
        self._used, self._next = len(self._room), FIRST

    def keep(self, array: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The same content on the shelf, not to be written to.

        Raises: OSError: naming the folder, where the disk has no room.
        """
        if self._used + array.nbytes > len(self._room):
            self._room = self._piece(max(self._next, array.nbytes))
            self._used, self._next = 0, min(2 * self._next, LARGEST)
        kept = np.frombuffer(self._room, np.uint8, array.size, self._used).reshape(array.shape)
        kept[...] = array
        kept.flags.writeable = False
        self._used += -(-array.nbytes // _ALIGN) * _ALIGN
        return kept

    def _piece(self, size: int) -> mmap.mmap:
        """Room of so many bytes that is there: a file with holes would fail while it is filled."""
        self._folder.mkdir(parents=True, exist_ok=True)
        try:
            with tempfile.TemporaryFile(dir=self._folder) as file:
                for at in range(0, size, FIRST):
                    file.write(bytes(min(FIRST, size - at)))
                file.flush()
                return mmap.mmap(file.fileno(), size)
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(self._folder)) from None
