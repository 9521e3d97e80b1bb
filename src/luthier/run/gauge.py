"""Where a run stands, as one line of text or one live block."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from luthier.core.events import BYTES, Event, Preflight, Progress, Stage, Updated, Validated
from luthier.run import figures
from luthier.run.pace import Pace
from luthier.run.painting import safe

WINDOW = 20
"""Steps over which speed and loss are averaged on the display."""


class Gauge:
    """The newest fact of each kind; rich draws it through `__rich__`."""

    def __init__(self) -> None:
        self.stage: Stage | None = None
        self.progress: Progress | None = None
        self.validated: Validated | None = None
        self.updates: deque[Updated] = deque(maxlen=WINDOW)
        self._pace = Pace()
        self._unit = "tokens"
        self._is_training = False
        self._spinner = Spinner("dots")

    def take(self, event: Event) -> None:
        """Remember `event`."""
        match event:
            case Stage():
                self.stage, self.progress, self._is_training = event, None, False
            case Preflight():
                self._unit = event.unit
            case Progress():
                self.progress = event
                self._pace.take(event)
            case Updated():
                self.updates.append(event)
                self.progress, self._is_training = None, True
            case Validated():
                self.validated = event
            case _:
                pass

    def tokens_per_second(self) -> float | None:
        """Over the last steps; None before two steps were taken."""
        first, last = self.updates[0], self.updates[-1]
        seconds = last.seconds - first.seconds
        if len(self.updates) > 1 and seconds > 0:
            return (last.total_tokens - first.total_tokens) / seconds
        return last.tokens / last.seconds if last.step == 1 and last.seconds > 0 else None

    def seconds_left(self) -> float | None:
        """From the pace of the last steps."""
        first, last = self.updates[0], self.updates[-1]
        if last.step > first.step:
            pace = (last.seconds - first.seconds) / (last.step - first.step)
        elif last.step:
            pace = last.seconds / last.step
        else:
            return None
        return pace * max(0, last.num_steps - last.step)

    def facts(self) -> Iterator[tuple[str, str]]:
        """Name and text of each figure of the last update."""
        last = self.updates[-1]
        yield "loss", f"{last.loss:.4f}"
        if "reward" in last.metrics:  # where answers are scored, the loss says little
            yield "reward", f"{last.metrics['reward']:.3f}"
        if self.validated is not None:
            yield "validation", f"{self.validated.figures()} (step {self.validated.step})"
        yield "learning rate", f"{last.learning_rate:.2e}"
        speed = self.tokens_per_second()
        if speed is not None:
            yield "speed", f"{speed:,.0f} {self._unit}/s"
        yield "memory", figures.of_bytes(last.memory_bytes)
        left = self.seconds_left()
        if left is not None and last.step < last.num_steps:
            yield "left", figures.of_seconds(left)

    def training_line(self) -> str:
        """Such as "step 40/200: loss 1.2340, speed 812 tokens/s, left 3 min 20 s"."""
        last = self.updates[-1]
        facts = ", ".join(f"{name} {text}" for name, text in self.facts())
        return f"step {last.step}/{last.num_steps}: {facts}"

    def progress_line(self) -> str:
        """Such as "40 of 200 rows, about 3 min 20 s left", or "1.2 GiB of 3.4 GiB"."""
        if self.progress is None:
            return ""
        left = self._pace.seconds_left()
        counts = _counts(self.progress)
        return counts if left is None else f"{counts}, about {figures.of_seconds(left)} left"

    def __rich__(self) -> RenderableType:
        parts: list[RenderableType] = []
        if self.stage is not None:
            detail = f" {self.stage.detail}" if self.stage.detail else ""
            self._spinner.update(text=Text(safe(f"{self.stage.name}{detail}"), style="bold"))
            parts.append(self._spinner)
        if self.progress is not None and not _is_over(self.progress):
            of = f"{self.progress.stage}: " if self.progress.unit == BYTES else ""
            line = safe(of + self.progress_line())
            parts.append(_bar(self.progress.done, self.progress.total, line))
        elif self._is_training:
            last = self.updates[-1]
            parts.append(
                _bar(last.step, last.num_steps, f"step {last.step:,} of {last.num_steps:,}")
            )
        if self._is_training:
            parts.append(_grid(list(self.facts())))
        return Group(*parts)


def _counts(progress: Progress) -> str:
    done, total = f"{progress.done:,}", f"{progress.total:,}"
    if progress.unit == BYTES:
        done, total = figures.of_bytes(progress.done), figures.of_bytes(progress.total)
        return f"{done} of {total}" if progress.total else done
    return f"{done} of {total} {progress.unit}".strip()


def _is_over(progress: Progress) -> bool:
    """Whether it is a part of a stage that has ended; the stage goes on."""
    return progress.unit == BYTES and 0 < progress.total <= progress.done


def _bar(done: float, total: float, text: str) -> RenderableType:
    row = Table.grid(padding=(0, 1))
    row.add_row(ProgressBar(total=max(total, 1), completed=done, width=40), Text(text.strip()))
    return row


def _grid(facts: list[tuple[str, str]]) -> RenderableType:
    grid: Any = Table.grid(padding=(0, 2))
    for _ in facts:
        grid.add_column()
    grid.add_row(*(Text(name, style="dim") for name, _ in facts))
    grid.add_row(*(Text(text) for _, text in facts))
    return grid
