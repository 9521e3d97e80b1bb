"""Stopping on request: the first signal lets the step end and saves, the second stops now."""

from __future__ import annotations

import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType

STOPPING = (signal.SIGINT, signal.SIGTERM)


class Stop:
    """Remembers that the user asked to stop; the engine asks `requested` before each step."""

    def __init__(self) -> None:
        self._asked = False

    def requested(self) -> bool:
        return self._asked

    @contextmanager
    def graceful(self) -> Generator[None]:
        """Within it SIGINT and SIGTERM only set the flag; a second one raises KeyboardInterrupt.

        Signals can be caught by the main thread only; elsewhere the caller's handling stays.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self._remember) for number in STOPPING}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _remember(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        if self._asked:
            raise KeyboardInterrupt
        self._asked = True
