"""The one writer of a run directory: documents whole or not at all, events appended."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import fields, replace
from pathlib import Path
from types import TracebackType
from typing import Any

import yaml

from luthier.core import files
from luthier.core.errors import RunError
from luthier.core.events import Event, Explored, Finished, Progress, Saved, Validated
from luthier.run import rollouts
from luthier.run.layout import Layout
from luthier.run.lock import Lock

SYNC_SECONDS = 5.0
"""Events reach the disk at least this often; a killed process loses none, a power cut these."""


class RunWriter:
    """Holds the lock of a run directory and writes into it; also a listener of events.

    Example: with RunWriter(Layout(folder)) as writer: writer.write(layout.ledger, document)
    """

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.notice = ""
        """What taking the lock had to say; empty when there is nothing to tell."""
        self._lock = Lock(layout.lock)
        self._log = -1
        self._made: list[Path] = []
        """Folders that `open` created, innermost first."""
        self._synced = 0.0

    def open(self) -> RunWriter:
        """Create the directory, take the lock, open the log of events.

        Raises: RunError: not writable, or another process writes here.
        """
        root = self.layout.root
        self._made = [folder for folder in (root, *root.parents) if not folder.exists()]
        with self._explained():
            root.mkdir(parents=True, exist_ok=True)
            self.notice = self._lock.acquire()
            try:
                self._log = self._open_log()
                self._cut(_whole_lines(self.layout.metrics))
            except BaseException:
                self.close()
                raise
        return self

    def close(self) -> None:
        """Give up the lock, and leave nothing behind of a run that never began; harmless when not
        open."""
        if self._log >= 0:
            is_empty = os.fstat(self._log).st_size == 0
            os.close(self._log)
            self._log = -1
            if is_empty and self._made:
                self.layout.metrics.unlink(missing_ok=True)
        self._lock.release()
        with suppress(OSError):  # the first that holds something stays, and so do those around it
            for folder in self._made:
                folder.rmdir()
        self._made = []

    def __enter__(self) -> RunWriter:
        return self.open()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.close()

    def __call__(self, event: Event) -> None:
        self.event(event)

    def event(self, event: Event) -> None:
        """Append one event; milestones are on the disk when this returns."""
        if isinstance(event, Progress):
            return
        if isinstance(event, Explored):  # its figures come again with the update
            with self._explained():
                rollouts.append(self.layout.rollouts, event.step, _plain(event.rollouts))
            return
        if isinstance(event, Saved):
            event = replace(event, folder=_within(self.layout.root, event.folder))
        line = json.dumps(record(event), ensure_ascii=False) + "\n"
        with self._explained():
            _write_all(self._log, line.encode())
            now = time.monotonic()
            if isinstance(event, Saved | Validated | Finished) or now - self._synced > SYNC_SECONDS:
                os.fsync(self._log)
                self._lock.beat()
                self._synced = now

    def rewind(self, step: int) -> int:
        """Forget what happened after `step`, so that a resumed run logs each step once.

        Events that belong to no step (stages, notices) stay. Returns: how many were removed.
        """
        with self._explained():
            rollouts.keep(self.layout.rollouts, lambda found: found <= step)
            lines = self.layout.metrics.read_bytes().splitlines(keepends=True)
            kept = [line for line in lines if _step_of(line) <= step]
            if len(kept) < len(lines):
                files.write_bytes(self.layout.metrics, b"".join(kept))
                os.close(self._log)
                self._log = self._open_log()
            return len(lines) - len(kept)

    def write(self, path: Path, content: Any) -> None:
        """Write one document atomically; the suffix of `path` says how.

        Args: content: a mapping or list for .json and .yaml, mappings for .jsonl, else text.
        Raises: RunError: not writable or full; the old document then stands.
        """
        text = _text_of(path.suffix, content)
        with self._explained():
            files.write_text(path, text)

    def _open_log(self) -> int:
        return os.open(self.layout.metrics, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)

    def _cut(self, size: int) -> None:
        if os.fstat(self._log).st_size > size:
            os.ftruncate(self._log, size)
            os.fsync(self._log)

    @contextmanager
    def _explained(self) -> Generator[None]:
        try:
            yield
        except OSError as error:
            reason = error.strerror or str(error)
            raise RunError(
                f"run directory {self.layout.root}: cannot be written ({reason.lower()}). "
                "What was there is untouched. Free space or permissions, or choose another "
                "directory with --out."
            ) from error


def record(event: Event) -> dict[str, Any]:
    """The event as one JSON object: `event` is its kind in small letters, then its fields."""
    content = {item.name: _plain(getattr(event, item.name)) for item in fields(event)}
    return {"event": type(event).__name__.lower(), "time": round(time.time(), 3), **content}


def _plain(value: Any) -> Any:
    """JSON has no nan, no infinity and no half characters: null, null and "?"."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(_plain(key)): _plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, int):
        return value
    return _plain(value.item()) if hasattr(value, "item") else _plain(str(value))


def _within(root: Path, path: str) -> str:
    """`path` from `root` on: a run directory may be moved, and still names its own folders."""
    return Path(path).relative_to(root).as_posix() if Path(path).is_relative_to(root) else path


def _text_of(suffix: str, content: Any) -> str:
    if suffix == ".json":
        return json.dumps(_plain(content), indent=2, ensure_ascii=False) + "\n"
    if suffix in (".yaml", ".yml"):
        return yaml.safe_dump(_plain(content), sort_keys=False, allow_unicode=True, width=100)
    if suffix == ".jsonl":
        return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in _rows(content))
    return str(_plain(content))


def _rows(content: Iterable[Any]) -> Iterator[Any]:
    return (_plain(row) for row in content)


def _step_of(line: bytes) -> int:
    try:
        return int(json.loads(line).get("step", 0))
    except (ValueError, TypeError, AttributeError):
        return 0


def _whole_lines(path: Path) -> int:
    """Size of `path` up to its last line end: a killed writer may leave half a line."""
    content = path.read_bytes()
    return content.rfind(b"\n") + 1


def _write_all(descriptor: int, content: bytes) -> None:
    start = os.fstat(descriptor).st_size
    written = 0
    try:
        while written < len(content):
            written += os.write(descriptor, content[written:])
    except OSError:
        os.ftruncate(descriptor, start)  # a full disk must not leave half a line
        raise
