"""How long a phase still takes."""

from __future__ import annotations

import pytest

from luthier.core.events import Progress
from luthier.run.pace import Pace


class Clock:
    """Tells the time that it is set to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def after(pace: Pace, clock: Clock, *steps: tuple[float, int]) -> float | None:
    for clock.now, done in steps:
        pace.take(Progress("answering", done, 100, "rows"))
    return pace.seconds_left()


def test_what_is_left_takes_as_long_as_what_was_done(clock: Clock) -> None:
    assert after(Pace(clock), clock, (0, 0), (10, 20)) == 40


def test_what_was_there_at_the_first_word_does_not_count(clock: Clock) -> None:
    assert after(Pace(clock), clock, (0, 60), (10, 80)) == 10


def test_nothing_is_said_at_the_beginning_or_at_the_end(clock: Clock) -> None:
    assert after(Pace(clock), clock, (0, 0), (1, 20)) is None
    assert after(Pace(clock), clock, (0, 0), (10, 100)) is None


def test_another_phase_begins_anew(clock: Clock) -> None:
    pace = Pace(clock)
    after(pace, clock, (0, 0), (50, 90))
    pace.take(Progress("evaluating", 1, 100))
    assert pace.seconds_left() is None
