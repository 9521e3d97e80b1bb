"""What a run says while it goes on: plain frozen facts for listeners (console, files, trackers)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

BYTES = "bytes"
"""The unit of progress of work that is measured so."""


@dataclass(frozen=True, slots=True)
class Event:
    """Base of all events."""


@dataclass(frozen=True, slots=True)
class Stage(Event):
    """A phase begins, such as "reading data", "loading model", "pre-flight", "training"."""

    name: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Progress(Event):
    """How far a long phase other than training is."""

    stage: str
    done: int
    total: int
    """0: nobody knows."""
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Notice(Event):
    """Something a user should know: a fallback, a choice, a warning."""

    text: str
    level: Literal["info", "warning"] = "info"


@dataclass(frozen=True, slots=True)
class Preflight(Event):
    """What the trial before step 1 measured and predicts."""

    peak_bytes: int
    """Memory: the highest the trial reached, with everything in place that training holds."""
    disk_bytes: int
    """The most that checkpoints and the result take."""
    seconds: float
    tokens_per_second: float
    num_steps: int
    unit: str = "tokens"
    """What rows are counted in: tokens, or pictures."""
    details: Mapping[str, float | int | str] = field(default_factory=dict[str, float | int | str])


@dataclass(frozen=True, slots=True)
class Explored(Event):
    """The model answered prompts, and a grader scored it: what the update `step` learns from."""

    step: int
    rollouts: tuple[Mapping[str, Any], ...]
    """One per completion: the row, what was said, and its score."""
    metrics: Mapping[str, float] = field(default_factory=dict[str, float])


@dataclass(frozen=True, slots=True)
class Updated(Event):
    """One optimizer step was taken. Loss is the mean over what counted in this step."""

    step: int
    num_steps: int
    epoch: float
    loss: float
    gradient_norm: float
    learning_rate: float
    tokens: int
    trained_tokens: int
    seconds: float
    """Seconds of training so far, over all resumes, without evaluation and saving."""
    total_tokens: int
    memory_bytes: int
    metrics: Mapping[str, float] = field(default_factory=dict[str, float])


@dataclass(frozen=True, slots=True)
class Validated(Event):
    """The validation rows were scored after `step` steps."""

    step: int
    loss: float
    count: float
    is_kept: bool
    """The weights of this step are those to end with, unless a later one is kept."""
    is_best: bool
    """It is the best so far, of targets enough to say so."""
    metrics: Mapping[str, float] = field(default_factory=dict[str, float])
    best_by: str = ""
    """The metric, higher is better, that says so; empty: the loss does."""

    def figures(self) -> str:
        """The loss, and what else says how good the step is."""
        by = f", {self.best_by} {self.metrics[self.best_by]:.4f}" if self.best_by else ""
        return f"{self.loss:.4f}{by}"


@dataclass(frozen=True, slots=True)
class Saved(Event):
    """A checkpoint is complete on disk."""

    step: int
    folder: str
    bytes: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Skipped(Event):
    """An update was not taken: non-finite or spiking loss or gradient."""

    step: int
    reason: str
    rows: tuple[str, ...]
    tensors: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Finished(Event):
    """Training ended: why is epochs, max_steps, max_tokens, max_seconds or early_stopping."""

    step: int
    why: str
    kept_step: int
    seconds: float
    peak_bytes: int
