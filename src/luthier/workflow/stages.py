"""Where a run is: tells listeners which stage begins, and keeps the seconds of each."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager

from luthier.core.amount import told_to
from luthier.core.events import Event, Notice, Progress, Stage

Listener = Callable[[Event], None]


def silent(event: Event) -> None:
    """A listener that hears nothing."""
    del event


class Stages:
    """Announces stages to `tell` and adds up the wall-clock seconds of each in `seconds`."""

    def __init__(self, tell: Listener) -> None:
        self.tell = tell
        self.seconds: dict[str, float] = {}
        self.notes: list[str] = []

    @contextmanager
    def stage(self, name: str, detail: str = "") -> Generator[None]:
        """Everything within counts as stage `name`; long work is told of."""
        self.tell(Stage(name, detail))
        start = time.perf_counter()
        try:
            with told_to(self.progress):
                yield
        finally:
            spent = time.perf_counter() - start
            self.seconds[name] = round(self.seconds.get(name, 0.0) + spent, 3)

    @contextmanager
    def heard_by(self, *listeners: Listener) -> Generator[None]:
        """Within it these hear every event too, before who heard it already."""
        before = self.tell

        def tell(event: Event) -> None:
            for listener in (*listeners, before):
                listener(event)

        self.tell = tell
        try:
            yield
        finally:
            self.tell = before

    def note(self, text: str, *, warning: bool = False) -> None:
        """Tell the user something, once, and keep it for the report."""
        if text not in self.notes:
            self.notes.append(text)
            self.tell(Notice(text, "warning" if warning else "info"))

    def note_all(self, texts: Iterable[str], *, warning: bool = False) -> None:
        """Tell the user several things."""
        for text in texts:
            self.note(text, warning=warning)

    def progress(self, stage: str, done: int, total: int, unit: str) -> None:
        self.tell(Progress(stage, done, total, unit))
