"""The order of things in a training: the lock, what can go wrong early, the work, the trackers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest
from tests.journeys.desk import QUICK, Desk, desk

import luthier
from luthier.core.errors import DataError, MissingExtra, RecipeError, RunError
from luthier.core.events import Event, Stage, Updated
from luthier.run.layout import Layout
from luthier.run.trackers import trackers
from luthier.run.writer import RunWriter
from luthier.workflow.evaluate import evaluate_run


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setenv("LUTHIER_CACHE", str(tmp_path / "cache"))
    return desk(tmp_path, num_rows=24)


def train(place: Desk, *settings: str, heard: list[Event] | None = None) -> luthier.Run:
    recipe = {"model": str(place.model), "data": {"train": str(place.data)}}
    listen = (heard if heard is not None else []).append
    out = place.root / "runs" / "run"
    return luthier.train(recipe, out=out, overrides=[*QUICK, *settings], on_event=listen)


class Tracker:
    """Remembers what it was given."""

    package: ClassVar[str] = "luthier"
    document: ClassVar[Mapping[str, Any]] = {}
    heard: ClassVar[list[Event]] = []

    def __init__(self, folder: Path, document: Mapping[str, Any]) -> None:
        assert (folder / "resolved.yaml").exists()
        Tracker.document = document
        Tracker.heard.clear()

    def __call__(self, event: Event) -> None:
        Tracker.heard.append(event)

    def close(self) -> None: ...


def test_trackers_are_given_the_resolved_recipe_and_hear_every_update(
    place: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(trackers._found, "heard", Tracker)
    run = train(place, "trackers=[heard]", "training.max_steps=2")
    assert Tracker.document == run.files.resolved
    assert isinstance(Tracker.document["recipe"]["training"]["learning_rate"], float)
    assert [event.step for event in Tracker.heard if isinstance(event, Updated)] == [1, 2]


def test_a_tracker_that_cannot_be_opened_is_said_before_anything_else(
    place: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(trackers._found, "heard", Tracker)
    monkeypatch.setattr(Tracker, "package", "a_package_that_nobody_has")
    heard: list[Event] = []
    with pytest.raises(MissingExtra, match="'heard' needs 'a_package_that_nobody_has'"):
        train(place, "trackers=[heard]", heard=heard)
    with pytest.raises(RecipeError, match="did you mean 'tensorboard'"):
        train(place, "trackers=[tensorbord]", heard=heard)
    assert heard == []
    assert not (place.root / "runs").exists()


def test_a_second_process_is_refused_before_it_reads_anything(place: Desk) -> None:
    heard: list[Event] = []
    out = place.root / "runs" / "run"
    with RunWriter(Layout(out)) as first:
        first.event(Stage("training"))
        with pytest.raises(RunError, match="locked by process"):
            train(place, heard=heard)
    assert heard == []


def test_a_run_that_is_written_to_is_not_evaluated_meanwhile(place: Desk) -> None:
    run = train(place, "training.max_steps=1")
    heard: list[Event] = []
    with RunWriter(run.layout), pytest.raises(RunError, match="locked by process"):
        evaluate_run(run.path, on_event=heard.append)
    assert heard == []


def test_a_run_that_could_not_begin_leaves_nothing_behind(place: Desk) -> None:
    place.data.write_text('{"messages": 7}\n')
    with pytest.raises(DataError):
        train(place)
    assert not (place.root / "runs").exists()
