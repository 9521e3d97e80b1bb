"""How much of a long piece of work is done, told to whoever listens."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from luthier.core.events import BYTES

Tell = Callable[[str, int, int, str], None]
"""Takes the work, such as "hashing rows.jsonl", how much is done, all of it, 0: unknown, and the
unit of both."""
SILENT_SECONDS = 1.0
"""Work that is over by then is not told of."""
EVERY_SECONDS = 0.2
BUFFER_BYTES = 1 << 18

_LISTENER: ContextVar[Tell | None] = ContextVar("listener", default=None)


@contextmanager
def told_to(tell: Tell) -> Generator[None]:
    """Within it `tell` hears of all such work, unless somebody else listens within."""
    before = _LISTENER.set(tell)
    try:
        yield
    finally:
        _LISTENER.reset(before)


class Amount:
    """Of one piece of work, which begins now. Other threads than the one that made it may say how
    far it is."""

    def __init__(
        self,
        work: str,
        total: int,
        *,
        unit: str = BYTES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.total, self.done = total, 0
        self._work, self._unit = work, unit
        self._clock, self._tell = clock, _LISTENER.get()
        self._due, self._is_told = clock() + SILENT_SECONDS, False

    def add(self, size: int) -> None:
        """So much more is done."""
        self.reach(self.done + size)

    def reach(self, done: int) -> None:
        """So much is done in all."""
        is_end = self._is_told and done >= self.total > self.done
        self.done = done
        if self._tell is None or (not is_end and self._clock() < self._due):
            return
        self._tell(self._work, done, max(done, self.total) if self.total else 0, self._unit)
        self._due, self._is_told = self._clock() + EVERY_SECONDS, True


class _Counted(io.FileIO):
    """A file that says how far it is read."""

    def __init__(self, path: Path, work: str) -> None:
        super().__init__(path)
        self._amount = Amount(work, os.fstat(self.fileno()).st_size)

    def readinto(self, buffer: Any, /) -> int:
        read = super().readinto(buffer)
        self._amount.add(read)
        return read

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        self._amount.done = super().seek(offset, whence)
        return self._amount.done


def open_told(path: Path, work: str) -> io.BufferedReader:
    """A file to be read; how far it is read is told as `work`, with its name."""
    return io.BufferedReader(_Counted(path, f"{work} {path.name}"), BUFFER_BYTES)
