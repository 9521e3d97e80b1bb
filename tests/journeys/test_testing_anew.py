"""A trained run is tested anew: on other rows, never on those it learned from, as it was trained."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from tests import tiny
from tests.journeys.desk import QUICK, Desk

WORDS = ("good", "bad", "slow", "fast", "late")


def written(path: Path, numbers: Sequence[int]) -> Path:
    """One labelled row for each number."""
    with path.open("w", encoding="utf-8", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(["text", "label"])
        lines.writerows(
            [f"a {WORDS[n % 5]} {'day' if n % 2 else 'night'} {n}", "ny"[n % 2]] for n in numbers
        )
    return path


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """A desk with a finished run that learned labels from 60 rows."""
    place = Desk(tmp_path_factory.mktemp("desk"))
    (place.root / "cache").mkdir()
    tiny.folder(place.root / "encoder", architecture="bert")
    rows = written(place.root / "rows.csv", range(60))
    settings = [*QUICK, "tuner=full", "training.max_steps=2", "--out", place.root / "first"]
    code, _, said = place.luthier("train", rows, "--model", place.root / "encoder", *settings)
    assert code in (0, 1), said
    return place


@pytest.fixture
def run(place: Desk, tmp_path: Path) -> Path:
    """A copy of the run, to be tested anew."""
    return Path(shutil.copytree(place.root / "first", tmp_path / "run"))


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def test_settings_of_the_training_are_refused_before_anything_is_read(
    place: Desk, run: Path
) -> None:
    before = (run / "summary.json").read_bytes()
    given = ("tuner=lora", "seed=7", "name=foo", "training.epochs=99", "data.max_rows=9")
    code, _, said = place.luthier("evaluate", run, *given)
    assert code == 2
    for text in (
        "tuner.name: 'full' in the run, 'lora' now",
        "seed: 0 in the run, 7 now",
        "name: 'rows' in the run, 'foo' now",
        "training.epochs: ",
        "data.max_rows: 0 in the run, 9 now",
    ):
        assert text in said
    assert "reading data" not in said
    assert (run / "summary.json").read_bytes() == before


def test_a_setting_that_the_run_has_already_may_be_said(place: Desk, run: Path) -> None:
    words = ("evaluate", run, "tuner=full", "seed=0", "training.max_steps=2")
    code, _, said = place.luthier(*words, "evaluation.num_resamples=101")
    assert code in (0, 1), said


def test_a_run_without_a_trained_model_is_refused_before_anything_is_read(
    place: Desk, run: Path
) -> None:
    shutil.rmtree(run / "model")
    code, _, said = place.luthier("evaluate", run)
    assert code == 2
    assert f"nothing was trained yet. Continue it: luthier train {run}" in said
    assert "reading data" not in said
