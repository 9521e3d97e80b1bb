"""What the trial before the first step reached or predicted, and what the run came to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from luthier.run import figures
from luthier.run.reader import RunFiles

Show = Callable[[float | None], str]
ROWS: tuple[tuple[str, str, str, Show], ...] = (
    ("peak_bytes", "peak memory", "predicted; of loading and training", figures.of_bytes),
    ("seconds", "training time", "both with validations and saves", figures.of_seconds),
    ("disk_bytes", "disk", "checkpoints and result, at most; the whole folder", figures.of_bytes),
    ("tokens_per_second", "{unit} per second", "fullest micro-batch; all steps", figures.of_count),
    ("num_steps", "steps", "", figures.of_count),
)
"""Key in preflight.json, name, what the figures count, and how they read."""
ACTUAL = {"num_steps": "steps"}
"""Key in summary.json where it is another one."""


@dataclass(frozen=True, slots=True)
class Cost:
    name: str
    about: str
    """What the two figures count: that of the trial; that of the run."""
    trial: str
    run: str
    ratio: str
    """Run over trial, such as "× 1.08"."""


@dataclass(frozen=True, slots=True)
class Costs:
    costs: list[Cost]
    stages: list[tuple[str, str, float]]
    """Stage, its time, and its percentage of the longest."""
    total: str


def costs_of(run: RunFiles) -> Costs | None:
    """Memory, time, disk and speed; None where nothing was tried or measured."""
    summary = run.summary or {}
    costs = list(_rows(run.preflight or {}, summary))
    stages = {str(name): float(value) for name, value in summary.get("seconds", {}).items()}
    longest = max(stages.values(), default=0.0) or 1.0
    if not costs and not stages:
        return None
    return Costs(
        costs,
        [
            (name, figures.of_seconds(value), round(100 * value / longest, 1))
            for name, value in stages.items()
        ],
        figures.of_seconds(sum(stages.values())) if stages else "",
    )


def _rows(preflight: Mapping[str, Any], summary: Mapping[str, Any]) -> Iterator[Cost]:
    # the stage, not the seconds of the steps: the prediction holds validations and saves too
    actual = {**summary, "seconds": summary.get("seconds", {}).get("training")}
    unit = figures.unit_of(summary.get("kind"))
    for key, name, about, show in ROWS:
        trial, came = preflight.get(key), actual.get(ACTUAL.get(key, key))
        if trial or came:
            ratio = f"× {came / trial:.2f}" if trial and came else ""
            yield Cost(name.format(unit=unit), about, show(trial), show(came), ratio)
