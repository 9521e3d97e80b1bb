"""Rows as points on a plane, told apart by colour and by form; suspicious ones have a ring."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

WIDTH, HEIGHT, MARGIN, CAPTION = 720, 520, 12, 44
FORMS = (
    "M-3.2 0a3.2 3.2 0 1 0 6.4 0a3.2 3.2 0 1 0 -6.4 0z",
    "M-2.9 -2.9h5.8v5.8h-5.8z",
    "M0 -3.8L3.6 2.6H-3.6z",
    "M0 -4L3.4 0L0 4L-3.4 0z",
    "M-1.2 -3.8h2.4v2.6h2.6v2.4h-2.6v2.6h-2.4v-2.6h-2.6v-2.4h2.6z",
    "M0 3.8L3.6 -2.6H-3.6z",
    "M-3.6 -1.6h7.2v3.2h-7.2z",
)
"""One for each of the most frequent labels, around (0, 0)."""
OTHERS = "M-2 0a2 2 0 1 0 4 0a2 2 0 1 0 -4 0z"
_MOST_LETTERS = 100
_SAYS = {"label_noise": "label in doubt", "outliers": "unlike all others"}


@dataclass(frozen=True, slots=True)
class Dot:
    """A row."""

    x: float
    y: float
    form: int
    """Number of its label; -1: another, or none."""
    head: str
    """Where it stands, its label and what is suspicious."""
    text: str
    is_marked: bool


@dataclass(frozen=True, slots=True)
class Plane:
    """The picture in units of `WIDTH` and `HEIGHT`; marked rows come last, and lie on top."""

    says: str
    """The picture in a sentence, for those who cannot see it."""
    labels: list[str]
    """With a form of their own."""
    num_others: int
    """Labels without one."""
    dots: list[Dot]
    box: Mapping[str, Any]


def plane_of(document: Mapping[str, Any]) -> Plane | None:
    """What `map` of `check.json` says; None without it."""
    points: Sequence[Mapping[str, Any]] = document.get("map") or ()
    if not points:
        return None
    counted = Counter(point["label"] for point in points if point["label"]).most_common()
    labels = [name for name, _ in counted[: len(FORMS)]]
    dots = [_dot(point, labels) for point in points]
    marked = sum(dot.is_marked for dot in dots)
    others = max(0, len(counted) - len(labels))
    return Plane(
        f"A map of {len(dots):,} rows; rows with similar texts stand together. "
        f"{marked:,} suspicious rows have a ring.",
        labels,
        others,
        sorted(dots, key=lambda dot: dot.is_marked),
        {"width": WIDTH, "height": HEIGHT + CAPTION, "forms": FORMS, "others": OTHERS},
    )


def _dot(point: Mapping[str, Any], labels: Sequence[str]) -> Dot:
    marks = [_SAYS.get(mark, mark.replace("_", " ")) for mark in point["marks"]]
    parts = [point["origin"], point["label"] and f"'{point['label']}'", *marks]
    form = labels.index(point["label"]) if point["label"] in labels else -1
    return Dot(
        round(MARGIN + point["x"] * (WIDTH - 2 * MARGIN), 1),
        round(MARGIN + point["y"] * (HEIGHT - 2 * MARGIN), 1),
        form,
        " · ".join(part for part in parts if part)[-_MOST_LETTERS:],
        " ".join(str(point["text"]).split()),
        bool(marks),
    )
