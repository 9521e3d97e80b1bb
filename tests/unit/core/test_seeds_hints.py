"""Named random streams, and the nearest known name."""

from __future__ import annotations

from luthier.core.hints import did_you_mean, nearest
from luthier.core.seeds import derive, stream


def test_a_stream_is_a_function_of_seed_and_names() -> None:
    assert stream(1, "order", 3).random() == stream(1, "order", 3).random()
    assert stream(1, "order", 3).random() != stream(1, "order", 4).random()
    assert derive(1, "a", "b") != derive(1, "ab")
    assert 0 <= derive(0) < 2**63


def test_streams_are_the_same_on_every_machine() -> None:
    assert derive(0, "order") == 7587320288093301805


def test_the_nearest_name_is_offered() -> None:
    assert nearest("learning-rat", ["learning_rate", "seed"]) == "learning_rate"
    assert did_you_mean("sed", ["seed"]) == "; did you mean 'seed'?"


def test_far_names_are_listed_instead() -> None:
    assert did_you_mean("xyz", ["seed", "model"]) == "; known: model, seed"
    assert did_you_mean("xyz", []) == ""
