"""Stopping on request: the first signal lets the step end and saves, the second stops now."""

from __future__ import annotations

import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType
from typing import Any

STOPPING = (signal.SIGINT, signal.SIGTERM)


class Stop:
    """Remembers that the user asked to stop; the engine asks `requested` before each step."""

    def __init__(self) -> None:
        self._asked = False
        self._before: dict[int, Any] = {}

    def requested(self) -> bool:
        return self._asked

    @contextmanager
    def graceful(self) -> Generator[None]:
        """Within it SIGINT and SIGTERM only set the flag; a second one is handled as before.

        Signals can be caught by the main thread only; elsewhere the caller's handling stays.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        self._before = {number: signal.signal(number, self._remember) for number in STOPPING}
        try:
            yield
        finally:
            for number, handler in self._before.items():
                signal.signal(number, handler)

    def _remember(self, number: int, frame: FrameType | None) -> None:
        if not self._asked:
            self._asked = True
            return
        earlier = self._before.get(number)
        if callable(earlier):
            earlier(number, frame)
        raise KeyboardInterrupt


@contextmanager
def in_one_piece() -> Generator[None]:
    """Files that belong together are written together: a first signal waits until the end.

    Raises: KeyboardInterrupt: it came meanwhile.
    """
    stop = Stop()
    with stop.graceful():
        yield
    if stop.requested():
        raise KeyboardInterrupt
