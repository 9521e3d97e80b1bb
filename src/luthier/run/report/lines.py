"""A line chart as geometry; the template only draws it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from luthier.run.report.scale import Scale, short, ticks

WIDTH, HEIGHT = 360, 210
LEFT, RIGHT, TOP, BOTTOM = 46, 12, 10, 28
MOST_POINTS = 240
Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Series:
    """One line. `look` is "main", "faint", "dots" or "other"."""

    name: str
    points: Sequence[Point]
    look: str = "main"


@dataclass(frozen=True, slots=True)
class Line:
    name: str
    look: str
    path: str
    dots: list[Point]


@dataclass(frozen=True, slots=True)
class LineChart:
    """Everything the template needs, in the units of a WIDTH x HEIGHT picture."""

    title: str
    x_name: str
    says: str
    """The chart in a sentence, for those who cannot see it."""
    lines: list[Line]
    x_ticks: list[tuple[float, str]]
    y_ticks: list[tuple[float, str]]
    marks: list[float]
    mark_name: str


def line_chart(
    title: str,
    series: Sequence[Series],
    *,
    x_name: str = "step",
    marks: Sequence[float] = (),
    mark_name: str = "",
    y_range: Point | None = None,
) -> LineChart | None:
    """The chart of `series`, or None where there is nothing to draw.

    Args: marks: x of vertical lines; y_range: fixed ends of the y axis.
    """
    series = [item for item in series if item.points]
    if not series:
        return None
    xs = [x for item in series for x, _ in item.points]
    ys = [y for item in series for _, y in item.points]
    x_ticks = [tick for tick in ticks(min(xs), max(xs)) if min(xs) <= tick <= max(xs)]
    if x_name == "step":
        x_ticks = [tick for tick in x_ticks if tick.is_integer()]
    y_ticks = ticks(*(y_range or (min(ys), max(ys))))
    x_scale = Scale(min(xs), max(max(xs), min(xs) + 1e-9), LEFT, WIDTH - RIGHT)
    y_scale = Scale(y_ticks[0], y_ticks[-1], HEIGHT - BOTTOM, TOP)
    return LineChart(
        title=title,
        x_name=x_name,
        says=_sentence(title, series, x_name),
        lines=[_line(item, x_scale, y_scale) for item in series],
        x_ticks=[(x_scale(tick), short(tick)) for tick in x_ticks],
        y_ticks=[(y_scale(tick), short(tick)) for tick in y_ticks],
        marks=[x_scale(x) for x in marks],
        mark_name=mark_name,
    )


def smooth(points: Sequence[Point], *, share: float = 0.06) -> list[Point]:
    """A centred running mean over `share` of the points."""
    half = max(1, round(len(points) * share / 2))
    found: list[Point] = []
    for i, (x, _) in enumerate(points):
        window = [y for _, y in points[max(0, i - half) : i + half + 1]]
        found.append((x, sum(window) / len(window)))
    return found


def thin(points: Sequence[Point]) -> list[Point]:
    """At most MOST_POINTS points: means of neighbours; the last one is kept."""
    size = -(-len(points) // MOST_POINTS)
    if size <= 1:
        return list(points)
    parts = [points[i : i + size] for i in range(0, len(points), size)]
    means = [(sum(x for x, _ in p) / len(p), sum(y for _, y in p) / len(p)) for p in parts]
    return [*means, points[-1]]


def _line(series: Series, x_scale: Scale, y_scale: Scale) -> Line:
    places = [(x_scale(x), y_scale(y)) for x, y in thin(series.points)]
    path = "M" + "L".join(f"{x:g} {y:g}" for x, y in places)
    return Line(series.name, series.look, path, places if series.look == "dots" else [])


def _sentence(title: str, series: Sequence[Series], x_name: str) -> str:
    parts = [
        f"{item.name} from {short(item.points[0][1])} at {x_name} {short(item.points[0][0])} to "
        f"{short(item.points[-1][1])} at {x_name} {short(item.points[-1][0])}"
        for item in series
        if item.look != "faint"
    ]
    return f"{title}: {'; '.join(parts)}"
