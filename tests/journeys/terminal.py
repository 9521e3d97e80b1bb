"""A terminal of its own for one `luthier` command, and somebody who types into it."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import subprocess
import sys
import termios
import time
from types import TracebackType

from tests.journeys.desk import Desk

CTRL_C, CTRL_D = b"\x03", b"\x04"
SECONDS = 90.0
"""A machine that is busy with other tests is slow; none waits so long when all is well."""


class Terminal:
    """Example: with Terminal(desk, "chat", run) as talk: talk.wait_for("> "); talk.type("hello")"""

    def __init__(self, place: Desk, *words: object) -> None:
        self._place, self._words = place, [str(word) for word in words]
        self.seen = ""
        self._read = 0

    def __enter__(self) -> Terminal:
        self._ours, theirs = pty.openpty()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "luthier", *self._words],
            cwd=self._place.root,
            env=self._place.environment,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(theirs)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        os.close(self._ours)

    def wait_for(self, text: str) -> None:
        """Until `text` is shown, after whatever was waited for before."""
        end = time.monotonic() + SECONDS
        while text not in self.seen[self._read :]:
            assert self._take(end), f"waited for {text!r}, saw:\n{self.seen}"
        self._read = self.seen.index(text, self._read) + len(text)

    def type(self, text: str | bytes) -> None:
        """A line, or keys as bytes."""
        os.write(self._ours, text if isinstance(text, bytes) else f"{text}\n".encode())

    def exit_code(self) -> int:
        """After all output was taken."""
        end = time.monotonic() + SECONDS
        while self._take(end):
            pass
        return self._process.wait(timeout=SECONDS)

    def _take(self, end: float) -> bool:
        """False at the end of the output, or of the time."""
        ready = select.select([self._ours], [], [], max(end - time.monotonic(), 0))[0]
        try:
            content = os.read(self._ours, 4096) if ready else b""
        except OSError:  # Linux says so when the other side is closed
            content = b""
        self.seen += content.decode("utf-8", "replace")
        return bool(content)
