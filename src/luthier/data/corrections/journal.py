"""A file of corrections that is written one decision at a time, by one process."""

from __future__ import annotations

import errno
import fcntl
import json
import os
from pathlib import Path
from types import TracebackType

from luthier.core.errors import DataError
from luthier.core.files import fsync_folder
from luthier.data.corrections.correction import Correction
from luthier.data.corrections.read import corrections_in
from luthier.data.json_value import DECODER

_NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS)


class Journal:
    """Every decision is on disk before `add` returns. Held from `with` to its end.

    Example: with Journal(Path("corrections.jsonl")) as journal: journal.add(correction)
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.notes: list[str] = []
        """What was mended when it was opened."""
        self.before: list[Correction] = []
        """What it held when it was opened."""
        self._starts: list[int] = []
        """Where each line begins that was written since."""
        self._end = 0
        self._descriptor = -1

    def __enter__(self) -> Journal:
        """Raises: DataError: it cannot be written, is damaged, or another process writes it."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
            fsync_folder(self.path.parent)
        except OSError as error:
            raise self._problem("cannot be written", error) from None
        try:
            self._take_lock()
            self._mend()
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()

    def __len__(self) -> int:
        """Decisions in the file."""
        return len(self.before) + len(self._starts)

    def add(self, correction: Correction) -> None:
        """Write one decision behind the others.

        Raises: DataError: the disk is full, or somebody else wrote into the file.
        """
        self._check_is_ours()
        data = correction.text().encode()
        try:
            self._write(data)
        except OSError as error:
            os.ftruncate(self._descriptor, self._end)
            raise self._problem("the decision could not be written", error) from None
        self._starts.append(self._end)
        self._end += len(data)

    def undo(self) -> None:
        """Take the last decision off that was written since the file was opened.

        Raises: DataError: somebody else wrote into the file.
        """
        self._check_is_ours()
        self._end = self._starts.pop()
        os.ftruncate(self._descriptor, self._end)
        os.fsync(self._descriptor)

    def _write(self, data: bytes) -> None:
        left = memoryview(data)
        while left:
            left = left[os.pwrite(self._descriptor, left, self._end + len(data) - len(left)) :]
        os.fsync(self._descriptor)

    def _take_lock(self) -> None:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DataError(
                f"{self.path}: another luthier data label writes into it.\n"
                "    Go on there, end it, or name another file: --corrections"
            ) from None
        except OSError as error:
            if error.errno not in _NO_LOCKS:  # then only `_check_is_ours` guards it
                raise self._problem("cannot be locked", error) from None

    def _mend(self) -> None:
        content = _read(self._descriptor)
        start = content.rfind(b"\n") + 1
        if start < len(content) and _is_whole(content[start:]):
            os.pwrite(self._descriptor, b"\n", len(content))
            content += b"\n"
        elif start < len(content):
            os.ftruncate(self._descriptor, start)
            content = content[:start]
            self.notes.append(
                f"{self.path}: its last line was not written to its end, and was taken off"
            )
        self._end = len(content)
        self.before = corrections_in(content, file=str(self.path))

    def _check_is_ours(self) -> None:
        try:
            is_there = os.path.samestat(self.path.stat(), os.fstat(self._descriptor))
        except FileNotFoundError:
            is_there = False
        if not is_there or os.fstat(self._descriptor).st_size != self._end:
            raise DataError(
                f"{self.path}: was changed or moved by somebody else; nothing was written.\n"
                "    Start again: what was decided so far is in the file"
            )

    def _close(self) -> None:
        if self._descriptor < 0:
            return
        if not os.fstat(self._descriptor).st_size:
            self.path.unlink(missing_ok=True)  # nothing was decided
        os.close(self._descriptor)
        self._descriptor = -1

    def _problem(self, what: str, error: OSError) -> DataError:
        said = (error.strerror or str(error)).lower()
        return DataError(f"{self.path}: {what} ({said}).\n    Name another file: --corrections")


def _read(descriptor: int) -> bytes:
    size, parts = os.fstat(descriptor).st_size, list[bytes]()
    while part := os.pread(descriptor, size + 1, sum(map(len, parts))):
        parts.append(part)
    return b"".join(parts)


def _is_whole(line: bytes) -> bool:
    try:
        DECODER.decode(line.decode())
    except (UnicodeDecodeError, json.JSONDecodeError):
        return False
    return True
