"""How long a phase still takes, by how far it came since it was first heard of."""

from __future__ import annotations

import time
from collections.abc import Callable

from luthier.core.events import Progress

LEAST_SECONDS = 5.0
"""Before that nothing is said: the first piece is no measure."""


class Pace:
    """Of one phase after the other. What was done when a phase is first heard of is not counted, as
    it may have been done in an earlier start."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._first: Progress | None = None
        self._last: Progress | None = None
        self._began = self._heard = 0.0

    def take(self, progress: Progress) -> None:
        """Remember how far the phase is."""
        first, self._heard = self._first, self._clock()
        is_new = first is None or (first.stage, first.total) != (progress.stage, progress.total)
        if is_new or (self._last and progress.done < self._last.done):
            self._first, self._began = progress, self._heard
        self._last = progress

    def seconds_left(self) -> float | None:
        """None where too little is known, or nothing is left."""
        first, last = self._first, self._last
        if first is None or last is None or last.done >= last.total:
            return None
        spent, done = self._heard - self._began, last.done - first.done
        if spent < LEAST_SECONDS or done <= 0:
            return None
        return spent / done * (last.total - last.done)
