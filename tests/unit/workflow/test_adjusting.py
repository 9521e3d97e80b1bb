"""A setting that is chosen once the model is trained: the threshold of several labels."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from sklearn.metrics import f1_score
from tests import tiny

import luthier
from luthier.workflow.run import Run

WORDS = ("red", "green", "blue", "one", "two", "three", "yes", "no")


def trained(root: Path, *settings: str, share: float = 0.3) -> Run:
    """A run on rows whose labels are rare, and hard to tell: nothing reaches one half."""
    tiny.folder(root / "model", architecture="bert")
    draws = np.random.default_rng(0)
    lines: list[dict[str, Any]] = []
    for number in range(120):
        words = draws.choice(WORDS, 3)
        chance = 0.45 if "red" in words else 0.1
        labels = [name for name in ("a", "b", "c") if draws.random() < chance]
        lines.append({"text": f"{' '.join(words)} {number}", "labels": labels})
    (root / "rows.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    recipe = {"model": str(root / "model"), "data": {"train": str(root / "rows.jsonl")}}
    quick = ["objective=multilabel", "training.max_steps=12", "evaluation.retention=false"]
    quick += [
        "training.precision=float32",
        f"data.validation_share={share}",
        "evaluation.num_resamples=100",
        "evaluation.arms=[]",
    ]
    return luthier.train(recipe, out=root / "run", overrides=[*quick, *settings])


def resolved(run: Run) -> dict[str, Any]:
    return yaml.safe_load((run.path / "resolved.yaml").read_text())


def test_it_gives_validation_rows_the_best_f1_and_is_what_the_run_predicts_with(
    tmp_path: Path,
) -> None:
    run = trained(tmp_path)
    chosen = resolved(run)["recipe"]["objective"]["threshold"]
    assert 0 < chosen < 0.5
    assert resolved(run)["origins"]["objective.threshold"].startswith("auto: the best F1")
    manifest = json.loads(next(run.path.glob("*/manifest.json")).read_text())
    assert manifest["objective"]["threshold"] == chosen
    places = json.loads((run.path / "splits.json").read_text())
    lines = (tmp_path / "rows.jsonl").read_text().splitlines()
    asked = [json.loads(lines[at]) for at in held(places, "validation")]
    said = Run(run.path).predict([{"text": row["text"]} for row in asked])
    names = ("a", "b", "c")
    found = np.array([[row["probabilities"][name] for name in names] for row in said])
    true = np.array([[name in row["labels"] for name in names] for row in asked])
    shown = np.array([[name in row["labels"] for name in names] for row in said])
    assert (shown == (found >= chosen)).all()
    best = max(f1_score(true, found >= x, average="micro", zero_division=0) for x in found.ravel())
    f1 = f1_score(true, shown, average="micro", zero_division=0)
    assert f1 == pytest.approx(best)
    assert f1 > f1_score(true, found >= 0.5, average="micro", zero_division=0)


def held(places: dict[str, Any], split: str) -> list[int]:
    """Lines of the file that a split holds."""
    return [int(row["origin"].rpartition(" ")[2]) - 1 for row in places[split]]


def test_a_threshold_that_is_given_stays(tmp_path: Path) -> None:
    run = trained(tmp_path, "objective.threshold=0.7")
    assert resolved(run)["recipe"]["objective"]["threshold"] == 0.7


def test_a_run_whose_threshold_was_chosen_goes_on_and_chooses_anew(tmp_path: Path) -> None:
    short = trained(tmp_path, "training.max_seconds=1e-9")
    assert short.summary["why_ended"] == "max_seconds"
    assert resolved(short)["origins"]["objective.threshold"].startswith("auto: the best F1")
    run = trained(tmp_path, "training.max_seconds=1000")
    assert run.summary["why_ended"] == "max_steps"
    assert resolved(run)["origins"]["objective.threshold"].startswith("auto: the best F1")
    again = trained(tmp_path, "training.max_seconds=1000")  # done: what was chosen stands
    assert resolved(again) == resolved(run)


def test_few_validation_rows_choose_none(tmp_path: Path) -> None:
    run = trained(tmp_path, share=0.1)
    assert resolved(run)["recipe"]["objective"]["threshold"] == 0.5
    assert "until validation rows" in resolved(run)["origins"]["objective.threshold"]


def test_a_new_head_begins_at_how_often_labels_occur(tmp_path: Path) -> None:
    run = trained(tmp_path)
    events = [json.loads(line) for line in (run.path / "metrics.jsonl").read_text().splitlines()]
    first = next(event for event in events if event["event"] == "updated")
    shares = np.array([0.2, 0.2, 0.2])  # about; a head without a beginning says ln 2 = 0.69
    entropy = float(-(shares * np.log(shares) + (1 - shares) * np.log(1 - shares)).mean())
    assert first["loss"] < entropy + 0.1
