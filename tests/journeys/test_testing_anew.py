"""A trained run is tested anew: as it was trained, and on no row that it learned from."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from tests import tiny
from tests.journeys.desk import QUICK, Desk

WORDS = ("good", "bad", "slow", "fast", "late")
LONGER = "training.max_length=20"
"""Numbers of three digits make longer rows than those of the training."""


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
    """A desk with a finished run that learned labels from 60 rows, and 9 of another source."""
    place = Desk(tmp_path_factory.mktemp("desk"))
    (place.root / "cache").mkdir()
    tiny.folder(place.root / "encoder", architecture="bert")
    rows = written(place.root / "rows.csv", range(60))
    beside = written(place.root / "beside.csv", range(200, 209))
    mixture = f"data.mixture=[{{train: {beside}}}]"
    settings = [
        *QUICK,
        mixture,
        "tuner=full",
        "training.max_steps=2",
        "--out",
        place.root / "first",
    ]
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


def test_rows_that_the_run_learned_from_are_left_out_of_other_test_rows(
    place: Desk, run: Path
) -> None:
    other = written(place.root / "few.csv", [*range(20), *range(100, 130), *range(200, 205)])
    splits = read(run / "splits.json")
    learned = [int(row["origin"].rpartition(" ")[2]) - 2 for row in splits["train"]]
    chosen = [int(row["origin"].rpartition(" ")[2]) - 2 for row in splits["validation"]]
    num_train, num_chosen = (sum(n < 20 for n in found) for found in (learned, chosen))
    num_left = 50 - num_train - num_chosen
    code, document, said = place.luthier("evaluate", run, f"data.test={other}", LONGER)
    assert code in (0, 1), said
    assert num_chosen > 0
    assert f"{num_train + num_chosen + 5} of 55 test rows are left out" in said
    assert f"{num_train} input also in train of the run" in said
    assert f"{num_chosen} input also in validation of the run" in said
    assert "5 input also in beside (data.mixture)" in said
    assert f"On {num_left} test rows it never saw" in document["verdict"]["words"]


def test_other_test_rows_do_not_change_what_rivals_are_fitted_to(place: Desk, run: Path) -> None:
    before = read(run / "evaluation.json")["details"]["notes"]
    other = written(place.root / "mixed.csv", [*range(40), *range(100, 130)])
    code, document, said = place.luthier("evaluate", run, f"data.test={other}", LONGER)
    assert code in (0, 1), said
    assert before["base"]["fitted_rows"] == len(read(run / "splits.json")["train"])
    assert document["details"]["notes"] == before


def test_other_test_rows_are_named_by_evaluation_card_and_report(place: Desk, run: Path) -> None:
    assert read(run / "evaluation.json")["details"]["tested"]["is_own"]
    other = written(place.root / "clean.csv", [*range(100, 112), 201])
    code, document, said = place.luthier("evaluate", run, f"data.test={other}", LONGER)
    assert code in (0, 1), said
    digest = hashlib.sha256(other.read_bytes()).hexdigest()
    assert document["details"]["tested"] == {
        "is_own": False,
        "files": [{"name": str(other), "sha256": digest, "rows": 12}],
        "left_out": {"input also in beside (data.mixture)": 1},
    }
    card = (run / "card.md").read_text(encoding="utf-8")
    assert f"- clean.csv: 12 test rows, SHA-256 {digest}" in card
    assert str(place.root) not in card
    assert f"clean.csv: 12 test rows, SHA-256 {digest}" in (run / "report.html").read_text("utf-8")
    assert place.luthier("evaluate", run)[0] in (0, 1)
    assert "clean.csv" not in (run / "card.md").read_text(encoding="utf-8")


def test_rows_that_were_all_learned_from_are_no_test(place: Desk, run: Path) -> None:
    splits = read(run / "splits.json")
    learned = [int(row["origin"].rpartition(" ")[2]) - 2 for row in splits["train"]][:12]
    other = written(place.root / "learned.csv", learned)
    before = (run / "evaluation.json").read_bytes()
    code, _, said = place.luthier("evaluate", run, f"data.test={other}")
    assert code == 2
    assert "learned.csv: 12 of 12 test rows were learned from" in said
    assert "data.test=FILE" in said
    assert (run / "evaluation.json").read_bytes() == before


def test_leaks_are_refused_where_the_recipe_says_so(place: Desk, run: Path) -> None:
    other = written(place.root / "leaks.csv", range(40, 80))
    words = ("evaluate", run, f"data.test={other}", "data.on_leak=error")
    code, _, said = place.luthier(*words)
    assert code == 2
    assert "test rows were learned from" in said
    assert "data.on_leak = remove" in said


def test_the_files_of_the_training_may_lie_elsewhere_now(place: Desk, run: Path) -> None:
    before = (run / "predictions.jsonl").read_text(encoding="utf-8")
    moved = shutil.copy(place.root / "rows.csv", place.root / "moved.csv")
    code, _, said = place.luthier("evaluate", run, f"data.train={moved}")
    assert code in (0, 1), said
    after = (run / "predictions.jsonl").read_text(encoding="utf-8")
    assert [json.loads(line)["key"] for line in after.splitlines()] == [
        json.loads(line)["key"] for line in before.splitlines()
    ]
    other = written(place.root / "strange.csv", range(30, 70))
    code, _, said = place.luthier("evaluate", run, f"data.train={other}")
    assert code == 2
    assert "the rows changed" in said


def test_parts_of_a_folder_are_the_splits_of_the_test_anew_too(place: Desk, tmp_path: Path) -> None:
    folder, out = tmp_path / "rows", tmp_path / "run"
    folder.mkdir()
    written(folder / "train.csv", range(40))
    written(folder / "test.csv", range(100, 112))
    words = ("tuner=full", "training.max_steps=2", "--out", out)
    code, _, said = place.luthier(
        "train", folder, "--model", place.root / "encoder", *QUICK, *words
    )
    assert code in (0, 1), said
    assert f"{folder}: its parts are taken as the splits: {folder}#train, {folder}#test" in said
    before = (out / "predictions.jsonl").read_bytes()
    assert len(read(out / "splits.json")["test"]) == 12
    code, _, said = place.luthier("evaluate", out)
    assert code in (0, 1), said
    assert (out / "predictions.jsonl").read_bytes() == before
    other = written(tmp_path / "other.csv", range(200, 206))
    code, _, said = place.luthier("evaluate", out, f"data.test={other}")
    assert code in (0, 1), said
    assert len((out / "predictions.jsonl").read_text().splitlines()) == 6


def test_a_part_beside_ones_own_test_is_read_neither_time(place: Desk, tmp_path: Path) -> None:
    folder, out = tmp_path / "rows", tmp_path / "run"
    folder.mkdir()
    written(folder / "train.csv", range(40))
    (folder / "test.csv").write_text("text\nwithout a label, as from a contest\n")
    own = written(tmp_path / "own.csv", range(100, 112))
    words = ("tuner=full", "training.max_steps=2", f"data.test={own}", "--out", out)
    code, _, said = place.luthier(
        "train", folder, "--model", place.root / "encoder", *QUICK, *words
    )
    assert code in (0, 1), said
    assert f"{folder}#train; {folder}#test beside them: not read" in said
    before = (out / "predictions.jsonl").read_bytes()
    code, _, said = place.luthier("evaluate", out)
    assert code in (0, 1), said
    assert (out / "predictions.jsonl").read_bytes() == before
