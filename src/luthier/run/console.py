"""What a person sees while a run goes on: a live display in a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, TextIO

from rich.console import Console as Terminal
from rich.live import Live
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from luthier.core.events import (
    BYTES,
    Event,
    Finished,
    Notice,
    Preflight,
    Progress,
    Saved,
    Skipped,
    Stage,
    Updated,
    Validated,
)
from luthier.run import figures
from luthier.run.gauge import Gauge
from luthier.run.painting import evaluation_table, legend, painted, safe, verdict_line

_ENDLESS = 10_000
LINE_SECONDS = 5.0
"""Plain progress lines come at most this often."""


class Console:
    """Listener of events that writes to standard error, never to standard output.

    Example: with Console() as console: console(Stage("reading data"))
    """

    def __init__(self, stream: TextIO | None = None, *, live: bool | None = None) -> None:
        self.terminal = Terminal(file=stream, stderr=True, force_terminal=live, highlight=False)
        is_terminal = self.terminal.is_terminal
        if not is_terminal:
            self.terminal.width, self.terminal.soft_wrap = 100, True
        self._gauge = Gauge()
        self._live = _display(self._gauge, self.terminal) if is_terminal else None
        self._lined = -LINE_SECONDS

    def __enter__(self) -> Console:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Take the live display away; what was said stays."""
        if self._live is not None and self._live.is_started:
            self._live.stop()

    def __call__(self, event: Event) -> None:
        """Show one event."""
        self._gauge.take(event)
        if self._live is not None and not self._live.is_started:
            self._live.start()
        line = self._line(event)
        if line is not None:
            self.terminal.print(line)

    def show_evaluation(self, document: Mapping[str, Any]) -> None:
        """The table of arms and the verdict of an `evaluation.json`."""
        self.close()
        table = evaluation_table(document)
        everything = self.terminal.options.update(max_width=_ENDLESS)
        if Measurement.get(self.terminal, everything, table).maximum > self.terminal.width:
            table = evaluation_table(document, is_narrow=True)
        self.terminal.print(table)
        self.terminal.print(verdict_line(document.get("verdict", {})))

    def show_samples(self, samples: Iterable[Mapping[str, Any]]) -> None:
        """Rendered rows with what is trained told apart from what is masked."""
        self.close()
        has_color = self.terminal.is_terminal and not self.terminal.no_color
        self.terminal.print(legend(has_color=has_color))
        for sample in samples:
            self.terminal.print(Text(safe(str(sample.get("row", ""))), style="bold"))
            self.terminal.print(painted(sample.get("pieces", []), has_color=has_color))

    def show_table(self, title: str, rows: Iterable[tuple[str, str]]) -> None:
        """Two columns of plain facts."""
        self.close()
        table = Table(title=title, title_justify="left", box=None, show_header=False)
        for name, value in rows:
            table.add_row(safe(name), Text(safe(value)))
        self.terminal.print(table)

    def _line(self, event: Event) -> Text | None:
        """The lasting line for `event`; None where the live display or silence is enough."""
        match event:
            case Notice(text, level):
                mark = "warning: " if level == "warning" else ""
                return Text(mark + safe(text), style="yellow" if mark else "")
            case Skipped():
                return Text(skipped_line(event), style="red")
            case Preflight():
                return Text(preflight_line(event))
            case Finished():
                return Text(finished_line(event))
            case _:
                return None if self._live is not None else self._plain(event)

    def _plain(self, event: Event) -> Text | None:
        match event:
            case Stage(name, detail):
                return Text(safe(f"{name}: {detail}" if detail else name))
            case Validated():
                mark = ", best so far" if event.is_best else ""
                return Text(f"step {event.step}: validation loss {event.figures()}{mark}")
            case Saved():
                size = figures.of_bytes(event.bytes)
                return Text(f"step {event.step}: saved {size} in {event.seconds:.1f} s")
            case Updated() if self._is_due(is_edge=event.step in (1, event.num_steps)):
                return Text(self._gauge.training_line())
            case Progress() if self._is_due(is_edge=_is_last(event)):
                return Text(safe(f"{event.stage}: {self._gauge.progress_line()}"))
            case _:
                return None

    def _is_due(self, *, is_edge: bool) -> bool:
        now = time.monotonic()
        if not is_edge and now - self._lined < LINE_SECONDS:
            return False
        self._lined = now
        return True


def _is_last(event: Progress) -> bool:
    """Whether a phase ends with it; work in bytes is one of many parts of a phase."""
    return event.done == event.total and event.unit != BYTES


def _display(gauge: Gauge, terminal: Terminal) -> Live:
    # standard output belongs to --json: rich must not redirect it
    return Live(gauge, console=terminal, transient=True, redirect_stdout=False)


def skipped_line(event: Skipped) -> str:
    """Which update was not taken, why, and which rows were in it."""
    rows = f"; rows: {', '.join(event.rows)}" if event.rows else ""
    tensors = f"; tensors: {', '.join(event.tensors)}" if event.tensors else ""
    return safe(f"step {event.step}: update not taken: {event.reason}{rows}{tensors}")


def preflight_line(event: Preflight) -> str:
    """What the run will cost, at most in memory and on disk."""
    disk, peak = figures.of_bytes(event.disk_bytes), figures.of_bytes(event.peak_bytes)
    return (
        f"pre-flight: {event.num_steps:,} steps, about {figures.of_seconds(event.seconds)} at "
        f"{event.tokens_per_second:,.0f} {event.unit}/s, disk up to {disk}, predicted peak memory "
        f"{peak}"
    )


def finished_line(event: Finished) -> str:
    """How training ended."""
    peak = figures.of_bytes(event.peak_bytes)
    return (
        f"trained {event.step:,} steps in {figures.of_seconds(event.seconds)} (ended by "
        f"{event.why}), weights of step {event.kept_step} kept, peak {peak}"
    )
