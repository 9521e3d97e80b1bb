"""The course of training as charts."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from luthier.run import figures
from luthier.run.reader import Document, RunFiles
from luthier.run.report.lines import LineChart, Point, Series, line_chart, smooth


@dataclass(frozen=True, slots=True)
class Skip:
    step: int
    reason: str
    rows: list[str]
    tensors: list[str]


@dataclass(frozen=True, slots=True)
class Curves:
    charts: list[LineChart]
    skips: list[Skip]


def curves_of(run: RunFiles) -> Curves:
    """Loss, validation, learning rate, gradient norm and speed by step, and what was skipped."""
    updated, validated = run.events("updated"), run.events("validated")
    skips = [_skip(event) for event in run.events("skipped")]
    at = [float(skip.step) for skip in skips]
    losses = _points(updated, "loss")
    loss = line_chart(
        "Loss",
        [
            Series("each step", losses, "faint"),
            Series("training", smooth(losses)),
            Series("validation", _points(validated, "loss"), "dots"),
        ],
        marks=at,
        mark_name="update not taken",
    )
    charts = [
        loss,
        line_chart("Learning rate", [Series("learning rate", _points(updated, "learning_rate"))]),
        line_chart(
            "Gradient norm before clipping",
            [Series("gradient norm", _points(updated, "gradient_norm"))],
            marks=at,
            mark_name="update not taken",
        ),
        _speed_chart(updated),
        *_metric_charts(updated, validated),
    ]
    return Curves([chart for chart in charts if chart is not None], skips)


def _metric_charts(updated: list[Document], validated: list[Document]) -> list[LineChart | None]:
    """Whatever else the objective measured: reward, divergence, entropy, accuracy."""
    names = dict.fromkeys(name for event in updated for name in event.get("metrics") or {})
    charts: list[LineChart | None] = []
    for name in names:
        points = _points([_measured(event) for event in updated], name)
        if any(y for _, y in points):
            found = _points([_measured(event) for event in validated], name)
            series = [
                Series("each step", points, "faint"),
                Series("training", smooth(points)),
                Series("validation", found, "dots"),
            ]
            title = figures.of_name(name)
            charts.append(line_chart(title[:1].upper() + title[1:], series))
    return charts


def _measured(event: Document) -> Document:
    return {"step": event.get("step"), **(event.get("metrics") or {})}


def _speed_chart(updated: list[Document]) -> LineChart | None:
    speed = smooth(_speed(updated))
    most = max((y for _, y in speed), default=0.0)
    series = [Series("tokens per second", speed)]
    return line_chart("Tokens per second", series, y_range=(0.0, most))


def _points(events: list[Document], name: str) -> list[Point]:
    found = ((event.get("step"), event.get(name)) for event in events)
    return [(float(x), float(y)) for x, y in found if x is not None and y is not None]


def _speed(updated: list[Document]) -> list[Point]:
    """Differences of running totals; a resumed run continues both totals."""
    found: list[Point] = []
    for before, after in pairwise(updated):
        seconds = after.get("seconds", 0) - before.get("seconds", 0)
        if seconds > 0:
            tokens = after.get("total_tokens", 0) - before.get("total_tokens", 0)
            found.append((float(after["step"]), tokens / seconds))
    return found


def _skip(event: dict[str, Any]) -> Skip:
    return Skip(
        step=int(event.get("step", 0)),
        reason=str(event.get("reason", "")),
        rows=[str(row) for row in event.get("rows", [])],
        tensors=[str(name) for name in event.get("tensors", [])],
    )
