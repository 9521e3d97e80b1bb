"""One writer per run directory: a lock that names its owner and dies with it."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import socket
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from luthier.core.errors import RunError

SILENCE_SECONDS = 600
"""A lock from another machine that was not touched for so long is taken over."""


@dataclass(frozen=True, slots=True)
class Owner:
    """Who writes into a run directory. `boot` tells one start of one machine from all others."""

    pid: int
    started: float
    host: str
    boot: str

    def __str__(self) -> str:
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self.started))
        return f"process {self.pid} on {self.host} (started {since})"


def this_process() -> Owner:
    """The owner that this process would be."""
    started = psutil.Process().create_time()
    return Owner(os.getpid(), started, socket.gethostname(), _boot())


def holder(path: Path) -> Owner | None:
    """Who holds the lock file `path` now; None where nobody alive does."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return None
    try:
        owner = _owner_in(descriptor)
        if _try(descriptor):
            return owner if owner is not None and _may_live_elsewhere(owner, descriptor) else None
        return owner if owner is not None else Owner(0, 0.0, "?", "")
    finally:
        os.close(descriptor)


class Lock:
    """Held from `acquire` to `release`, or to the death of the process, whatever kills it.

    The kernel frees the lock with its owner (flock); the file's content only names the owner.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor = -1

    def acquire(self) -> str:
        """Take the lock; a sentence about the dead owner it was taken over from, or "".

        Raises: RunError: another living process writes here; its pid is named.
        """
        descriptor = self._open()
        former = _owner_in(descriptor)
        if former is not None and _may_live_elsewhere(former, descriptor):
            os.close(descriptor)
            raise RunError(
                f"run directory {self.path.parent}: locked by {former}, which this machine cannot "
                f"see. If it has ended, delete {self.path} and repeat the command."
            )
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(asdict(this_process())).encode(), 0)
        self._descriptor = descriptor
        # a forked worker would keep the lock alive after our death
        os.register_at_fork(after_in_child=self._forget)
        return f"took over the lock of {former}, which is no longer alive" if former else ""

    def beat(self) -> None:
        """Say that the owner lives, for machines that cannot see the process."""
        if self._descriptor >= 0:
            os.utime(self._descriptor)

    def release(self) -> None:
        """Give the directory free; harmless when not held."""
        if self._descriptor >= 0:
            if _is_at(self.path, self._descriptor):
                self.path.unlink(missing_ok=True)
            self._forget()

    def _forget(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _open(self) -> int:
        while True:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
            if not _try(descriptor):
                owner = _owner_in(descriptor) or "another process"
                os.close(descriptor)
                raise RunError(
                    f"run directory {self.path.parent}: locked by {owner}, which is still "
                    "writing to it. Wait for it, stop it, or choose another directory with --out."
                )
            if _is_at(self.path, descriptor):
                return descriptor
            os.close(descriptor)  # the former owner removed the file while we waited


def _try(descriptor: int) -> bool:
    """True when the lock is now ours."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS):
            raise
        owner = _owner_in(descriptor)  # a file system without locks: ask for the process itself
        return owner is None or not _is_alive(owner)
    return True


def _is_alive(owner: Owner) -> bool:
    if owner.boot != _boot() or owner.pid == os.getpid():
        return False
    try:
        return abs(psutil.Process(owner.pid).create_time() - owner.started) < 1.0
    except psutil.Error:
        return False


def _may_live_elsewhere(owner: Owner, descriptor: int) -> bool:
    """Another host and another start: only the age of its last beat tells."""
    if owner.boot == _boot() or owner.host == socket.gethostname():
        return False
    return time.time() - os.fstat(descriptor).st_mtime < SILENCE_SECONDS


def _owner_in(descriptor: int) -> Owner | None:
    try:
        return Owner(**json.loads(os.pread(descriptor, 4096, 0)))
    except (ValueError, TypeError):
        return None


def _is_at(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return f"{psutil.boot_time():.0f}"
