"""Ctrl-C at any moment: the first one unwinds what is going on, the next cannot break the leaving.

Whatever is on disk appears whole or not at all, so leaving needs no time and may be cut short.
"""

from __future__ import annotations

import _thread
import os
import signal
import sys
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType

STOPPED = "Stopped. The same command starts again."
STOPPING = (signal.SIGINT, signal.SIGTERM)
PATIENCE_SECONDS = 2.0
"""Time to leave in. Until then further signals are ignored, after it one ends the process."""
_EXIT_CODE = 3
_SHOW_CURSOR = "\x1b[?25h"


@contextmanager
def one_interrupt() -> Generator[None]:
    """Within it SIGINT and SIGTERM raise one KeyboardInterrupt, wherever Python is.

    Signals can be caught by the main thread only; elsewhere the caller's handling stays.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    leaving = _Leaving()
    before = {number: signal.signal(number, leaving.on_signal) for number in STOPPING}
    lost_before, sys.unraisablehook = sys.unraisablehook, leaving.on_lost
    leaving.tell_of_lost = lost_before
    try:
        yield
    finally:
        sys.unraisablehook = lost_before
        for number, handler in before.items():
            signal.signal(number, handler)


def is_interrupt(error: BaseException | None) -> bool:
    """Whether a KeyboardInterrupt is at the bottom of `error`: libraries turn it into their own."""
    while error is not None:
        if isinstance(error, KeyboardInterrupt):
            return True
        error = error.__cause__ or error.__context__
    return False


def silence() -> None:
    """No signal disturbs the interpreter any more while it takes itself down."""
    for number in STOPPING:
        signal.signal(number, signal.SIG_IGN)


class _Leaving:
    """Remembers since when the process is leaving."""

    def __init__(self) -> None:
        self._since = 0.0
        self.tell_of_lost = sys.unraisablehook

    def on_signal(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        if not self._since:
            self._since = time.monotonic()
            raise KeyboardInterrupt
        if time.monotonic() - self._since > PATIENCE_SECONDS:
            cursor = _SHOW_CURSOR if sys.stderr.isatty() else ""
            os.write(2, f"{cursor}{STOPPED}\n".encode())
            os._exit(_EXIT_CODE)

    def on_lost(self, lost: sys.UnraisableHookArgs, /) -> None:
        """A KeyboardInterrupt that a finaliser swallowed is raised anew a moment later."""
        if issubclass(lost.exc_type, KeyboardInterrupt):
            self._since = 0.0
            threading.Timer(0.01, _thread.interrupt_main).start()
        else:
            self.tell_of_lost(lost)
