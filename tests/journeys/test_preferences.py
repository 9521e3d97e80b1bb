"""Preferences from file to use: train, evaluate, predict, talk and export on a tiny model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.journeys.desk import QUICK, Desk, desk

import luthier

WORDS = ("red", "green", "blue", "one")
SETTINGS = (*QUICK, "training.max_steps=6", "training.learning_rate=0.01", "data.test_share=0.3")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """A desk with pairs of which the short answer is preferred, and thumbs that say the same."""
    found = desk(tmp_path_factory.mktemp("desk"))
    asked = [f"what is {WORDS[n % 4]} and {n}" for n in range(48)]
    good = [f"it is {n}" for n in range(48)]
    bad = [f"no it is not {n} and not {n} at all" for n in range(48)]
    pairs = [{"prompt": a, "chosen": b, "rejected": c} for a, b, c in zip(asked, good, bad)]
    thumbs = [
        {"prompt": a, "completion": b if n % 2 else c, "label": bool(n % 2)}
        for n, (a, b, c) in enumerate(zip(asked, good, bad))
    ]
    write(found.root / "pairs.jsonl", pairs)
    write(found.root / "thumbs.jsonl", thumbs)
    return found


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def trained(place: Desk, name: str, data: str, *more: str) -> Path:
    out = place.root / "-".join([name, *more]).replace("=", "-")
    words = ("train", place.root / data, "--model", place.model, "--out", out)
    code, _, said = place.luthier(*words, *SETTINGS, f"objective.name={name}", *more)
    assert code in (0, 1), said
    return out


def answers(place: Desk, run: Path, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    write(place.root / "asked.jsonl", rows)
    output = place.root / "answers.jsonl"
    words = ("predict", run, "--input", place.root / "asked.jsonl", "--output", output)
    code, _, said = place.luthier(*words)
    assert code == 0, said
    return [json.loads(line) for line in output.read_text(encoding="utf-8").splitlines()]


PAIR = {"prompt": "what is red", "chosen": "it is 3", "rejected": "no it is not 3 at all"}


def test_a_model_that_answers_learns_from_pairs(place: Desk) -> None:
    run = trained(place, "dpo", "pairs.jsonl", "objective.loss=ipo")
    assert luthier.open_run(run).recipe.objective["length_normalised"] is True
    assert (run / "constants" / "train.safetensors").is_file()
    evaluation = read(run / "evaluation.json")
    assert {"base", "by_length", "tuned"} <= set(evaluation["arms"])
    assert {"preference_accuracy", "likelihood_accuracy"} <= set(evaluation["arms"]["tuned"])
    assert evaluation["verdict"]["metric"] == "preference_accuracy"
    line = json.loads((run / "predictions.jsonl").read_text().splitlines()[0])
    assert "its own answer" in json.dumps(line)
    sample = read(run / "samples.json")[0]["pieces"]
    assert sum(piece["trained"] for piece in sample) == 2
    both, alone = answers(place, run, [PAIR, {"prompt": "what is blue"}])
    assert both["preferred"] in ("chosen", "rejected")
    assert isinstance(alone["answer"], str)
    code, _, said = place.luthier("export", run, "--format", "safetensors")
    assert code == 0, said


def test_thumbs_teach_without_pairs(place: Desk) -> None:
    run = trained(place, "kto", "thumbs.jsonl")
    evaluation = read(run / "evaluation.json")
    assert evaluation["verdict"]["metric"] == "accuracy"
    assert {"base", "majority", "tfidf", "tuned"} <= set(evaluation["arms"])
    rated, alone = answers(
        place, run, [{"prompt": "what is red", "completion": "it is 3"}, {"prompt": "what is red"}]
    )
    assert isinstance(rated["score"], float)
    assert isinstance(alone["answer"], str)


def test_a_reward_model_scores_answers(place: Desk) -> None:
    run = trained(place, "reward", "pairs.jsonl", "tuner.name=lora")
    evaluation = read(run / "evaluation.json")
    assert {"base", "by_length", "tuned"} <= set(evaluation["arms"])
    both, alone = answers(place, run, [PAIR, {"prompt": "what is red", "chosen": "it is 3"}])
    assert both["preferred"] in ("chosen", "rejected")
    assert alone["score"] == pytest.approx(both["chosen_score"], rel=1e-4)
    code, _, said = place.luthier("export", run, "--format", "safetensors")
    assert code == 0, said


def test_thumbs_that_are_all_alike_are_refused_before_the_model_is_opened(place: Desk) -> None:
    rows = [{"prompt": f"what is {n}", "completion": "yes", "label": True} for n in range(20)]
    write(place.root / "alike.jsonl", rows)
    words = ("train", place.root / "alike.jsonl", "--model", place.model)
    code, _, said = place.luthier(*words, "--out", place.root / "alike", "objective.name=kto")
    assert code == 2
    assert "are rated good, so there is nothing to tell apart" in said
    assert not (place.root / "alike" / "adapter").exists()
