"""What the run was predicted to cost, and what it did cost."""

from __future__ import annotations

from dataclasses import dataclass

from luthier.run import figures
from luthier.run.reader import RunFiles


@dataclass(frozen=True, slots=True)
class Cost:
    name: str
    predicted: str
    actual: str
    ratio: str
    """Actual over predicted, such as "× 1.08"."""


@dataclass(frozen=True, slots=True)
class Costs:
    costs: list[Cost]
    stages: list[tuple[str, str, float]]
    """Stage, its time, and its percentage of the longest."""
    total: str


def costs_of(run: RunFiles) -> Costs | None:
    """Memory, time, disk and speed; None where nothing was predicted or measured."""
    preflight, summary = run.preflight or {}, run.summary or {}
    finished = (run.events("finished") or [{}])[-1]
    seconds = finished.get("seconds", summary.get("seconds", {}).get("training"))
    speed = summary.get("tokens_per_second")
    pairs = [
        ("peak memory", preflight.get("peak_bytes"), summary.get("peak_bytes"), figures.of_bytes),
        ("training time", preflight.get("seconds"), seconds, figures.of_seconds),
        ("disk", preflight.get("disk_bytes"), summary.get("disk_bytes"), figures.of_bytes),
        ("tokens per second", preflight.get("tokens_per_second"), speed, figures.of_count),
        ("steps", preflight.get("num_steps"), summary.get("steps"), figures.of_count),
    ]
    costs = [
        Cost(name, show(predicted), show(actual), _ratio(predicted, actual))
        for name, predicted, actual, show in pairs
        if predicted or actual
    ]
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


def _ratio(predicted: float | None, actual: float | None) -> str:
    return f"× {actual / predicted:.2f}" if predicted and actual else ""
