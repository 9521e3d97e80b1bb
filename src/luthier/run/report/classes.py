"""Figures of each class: table, confusion as a heat map, calibration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from luthier.run import figures
from luthier.run.report.lines import LineChart, Series, line_chart

MOST_CELLS = 30
"""A larger confusion matrix is shown as its most frequent mistakes only."""
MOST_MISTAKES = 12


@dataclass(frozen=True, slots=True)
class Cell:
    count: int
    share: float
    """Of the row: how many of this true class got this answer, 0 to 1."""
    is_right: bool


@dataclass(frozen=True, slots=True)
class Confusion:
    labels: list[str]
    """Every class, then what is none of them where that was answered."""
    rows: list[tuple[str, int, list[Cell]]]
    mistakes: list[tuple[str, str, int]]
    """True class, answered class, how often; the most frequent first."""

    @property
    def is_shown(self) -> bool:
        return len(self.labels) <= MOST_CELLS


@dataclass(frozen=True, slots=True)
class Classes:
    columns: list[str]
    rows: list[tuple[str, list[str]]]
    confusion: Confusion | None
    calibration: LineChart | None
    calibration_error: str


def classes_of(evaluation: Mapping[str, Any] | None) -> Classes | None:
    """What `details` of the evaluation says about classes; None where there are none."""
    details: Mapping[str, Any] = (evaluation or {}).get("details") or {}
    per_class, confusion = details.get("classes"), details.get("confusion")
    if not per_class and not confusion:
        return None
    columns = list(dict.fromkeys(name for item in (per_class or {}).values() for name in item))
    rows = [
        (str(label), [_figure(name, item.get(name)) for name in columns])
        for label, item in (per_class or {}).items()
    ]
    calibration: Mapping[str, Any] = details.get("calibration") or {}
    error = calibration.get("error")
    return Classes(
        columns=[figures.of_name(name) for name in columns],
        rows=rows,
        confusion=_confusion(confusion) if confusion else None,
        calibration=_calibration(calibration.get("bins") or []),
        calibration_error="" if error is None else f"{100 * error:.1f} points",
    )


def _figure(name: str, value: Any) -> str:
    if isinstance(value, Mapping):
        value = value.get("value")
    if not isinstance(value, int | float):
        return "–" if value is None else str(value)
    return figures.of_count(value) if name == "rows" else figures.of_metric(name, value)


def _confusion(found: Mapping[str, Any]) -> Confusion:
    labels = [str(label) for label in found["labels"]]
    counts: list[list[int]] = found["counts"]
    rows: list[tuple[str, int, list[Cell]]] = []
    mistakes: list[tuple[str, str, int]] = []
    for i, (label, line) in enumerate(zip(labels, counts, strict=True)):
        total = sum(line)
        cells = [Cell(n, round(n / max(total, 1), 3), i == j) for j, n in enumerate(line)]
        if total:
            rows.append((label, total, cells))
        mistakes += [(label, labels[j], n) for j, n in enumerate(line) if n and i != j]
    mistakes.sort(key=lambda item: -item[2])
    return Confusion(labels, rows, mistakes[:MOST_MISTAKES])


def _calibration(bins: list[Mapping[str, Any]]) -> LineChart | None:
    points = [(float(item["confidence"]), float(item["accuracy"])) for item in bins if item["n"]]
    if not points:
        return None
    return line_chart(
        "Calibration: how often it is right by how sure it is",
        [Series("perfect", [(0.0, 0.0), (1.0, 1.0)], "other"), Series("tuned", points, "dots")],
        x_name="confidence",
        y_range=(0.0, 1.0),
    )
