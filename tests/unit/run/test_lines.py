"""Charts: round ticks, points inside the frame, long courses thinned."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from luthier.run.report.lines import (
    BOTTOM,
    HEIGHT,
    LEFT,
    MOST_POINTS,
    RIGHT,
    TOP,
    WIDTH,
    Series,
    line_chart,
    smooth,
    thin,
)
from luthier.run.report.scale import short, ticks

NUMBERS = st.floats(-1e9, 1e9, allow_nan=False)


@given(NUMBERS, NUMBERS)
def test_ticks_are_few_rise_and_cover_both_ends(a: float, b: float) -> None:
    low, high = min(a, b), max(a, b)
    found = ticks(low, high)
    room = abs(high - low) * 1e-6 + abs(high) * 1e-9 + 1e-9
    assert 2 <= len(found) <= 12
    assert found == sorted(set(found))
    assert found[0] <= low + room
    assert found[-1] >= high - room


@given(st.lists(NUMBERS, min_size=1, max_size=40))
def test_every_point_lies_within_the_frame(values: list[float]) -> None:
    chart = line_chart("t", [Series("s", [(float(i), y) for i, y in enumerate(values)], "dots")])
    assert chart is not None
    for x, y in chart.lines[0].dots:
        assert LEFT <= x <= WIDTH - RIGHT
        assert TOP <= y <= HEIGHT - BOTTOM


def test_a_long_course_is_thinned_and_keeps_its_end() -> None:
    points = [(float(i), float(i)) for i in range(10_000)]
    thinned = thin(points)
    assert len(thinned) <= MOST_POINTS + 1
    assert thinned[-1] == points[-1]


def test_smoothing_a_constant_changes_nothing() -> None:
    points = [(float(i), 2.0) for i in range(50)]
    assert smooth(points) == points


def test_nothing_to_draw_gives_no_chart() -> None:
    assert line_chart("t", [Series("s", [])]) is None


@pytest.mark.parametrize(
    ("value", "text"), [(0.0, "0"), (2e-4, "2e-4"), (1500.0, "1,500"), (0.25, "0.25"), (-3.0, "-3")]
)
def test_a_tick_reads_short(value: float, text: str) -> None:
    assert short(value) == text
