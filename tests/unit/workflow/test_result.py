"""A run that was stopped after its result was saved tests that result, for every kind of tuner."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.journeys.desk import QUICK, Desk, desk

import luthier
from luthier.core.errors import Interrupted
from luthier.core.events import Event, Stage
from luthier.workflow.stages import Listener, silent


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setenv("LUTHIER_CACHE", str(tmp_path / "cache"))
    return desk(tmp_path, num_rows=24)


def train(place: Desk, name: str, tuner: str, on_event: Listener = silent) -> dict[str, Any]:
    """The arms of the evaluation, and the verdict."""
    settings = [*QUICK, f"tuner={tuner}", "training.max_steps=3", "training.learning_rate=0.01"]
    recipe = {"model": str(place.model), "data": {"train": str(place.data)}}
    out = place.root / name
    found = luthier.train(recipe, out=out, overrides=settings, on_event=on_event).evaluation
    assert found is not None
    return {"arms": found["arms"], "verdict": found["verdict"]}


def stop_before_evaluating(event: Event) -> None:
    if isinstance(event, Stage) and event.name == "evaluating":
        raise KeyboardInterrupt


@pytest.mark.parametrize("tuner", ["lora", "full"])
def test_a_run_stopped_before_its_evaluation_tests_what_was_trained(
    tuner: str, place: Desk
) -> None:
    whole = train(place, "whole", tuner)
    assert whole["arms"]["base"]["nll"] != whole["arms"]["tuned"]["nll"]
    with pytest.raises(Interrupted):
        train(place, "broken", tuner, stop_before_evaluating)
    assert luthier.open_run(place.root / "broken").summary["state"] == "interrupted"
    assert train(place, "broken", tuner) == whole
    summary = luthier.open_run(place.root / "broken").summary
    assert (summary["state"], summary["steps"]) == ("done", 3)
    assert "reason" not in summary


def test_the_figures_of_a_training_are_written_before_its_result_is_saved(place: Desk) -> None:
    found: list[dict[str, Any]] = []

    def look(event: Event) -> None:
        if isinstance(event, Stage) and event.name == "saving":
            found.append(luthier.open_run(place.root / "run").summary)

    train(place, "run", "lora", look)
    assert [(item["steps"], item["why_ended"]) for item in found] == [(3, "max_steps")]
