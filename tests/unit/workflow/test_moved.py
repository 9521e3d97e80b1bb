"""A run directory is whole: wherever it is moved to, it can be read, continued and evaluated."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path

import pytest
from tests.journeys.desk import QUICK, Desk, desk

import luthier
from luthier.core.errors import Interrupted
from luthier.core.events import Event, Updated
from luthier.run.report import render
from luthier.workflow.evaluate import evaluate_run

SETTINGS = [*QUICK, "training.max_steps=6", "training.save_every=2"]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return desk(tmp_path_factory.mktemp("desk"), num_rows=24)


@pytest.fixture(scope="module")
def moved(place: Desk) -> Path:
    """A run that was stopped after three steps, moved, and continued there."""
    first, second = place.root / "here", place.root / "there" / "renamed"

    def stop(event: Event) -> None:
        if isinstance(event, Updated) and event.step == 3:
            os.kill(os.getpid(), signal.SIGINT)

    recipe = {"model": str(place.model), "data": {"train": str(place.data)}}
    with pytest.raises(Interrupted):
        luthier.train(recipe, out=first, overrides=SETTINGS, on_event=stop)
    second.parent.mkdir()
    shutil.move(first, second)
    luthier.train(second / "resolved.yaml", out=second)
    return second


def test_a_moved_run_is_continued_to_its_end(moved: Path) -> None:
    run = luthier.open_run(moved)
    assert run.summary["state"] == "done"
    assert [event["step"] for event in run.files.events("updated")] == [1, 2, 3, 4, 5, 6]


def test_a_moved_run_names_folders_of_its_own(moved: Path) -> None:
    saved = luthier.open_run(moved).files.events("saved")
    assert [event["folder"] for event in saved] == [
        f"checkpoints/step-{step:06d}" for step in (2, 3, 4, 6)
    ]
    assert (moved / saved[-1]["folder"] / "manifest.json").is_file()


def test_nothing_in_a_moved_run_names_the_old_place(moved: Path, place: Desk) -> None:
    old = str(place.root / "here")
    texts = [path for path in moved.rglob("*") if path.suffix in {".json", ".jsonl", ".yaml"}]
    assert [path.name for path in texts if old in path.read_text(encoding="utf-8")] == []


def test_a_moved_run_is_evaluated_and_reported(moved: Path, place: Desk) -> None:
    third = place.root / "third"
    shutil.copytree(moved, third)
    assert evaluate_run(third)["arms"]["tuned"]
    assert "renamed" not in render(luthier.open_run(third).files)
    rows = [{"messages": [{"role": "user", "content": "number 3"}]}]
    assert json.dumps(luthier.open_run(third).predict(rows))
