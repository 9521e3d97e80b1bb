"""Several sources in one run: weights, objectives of their own, exact accounts."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from tests import tiny
from tests.journeys.desk import QUICK, Desk, desk

import luthier
from luthier.core.errors import Interrupted, RecipeError
from luthier.core.events import Event, Updated
from luthier.core.files import read_json
from luthier.workflow.stages import silent


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setenv("LUTHIER_CACHE", str(tmp_path / "cache"))
    found = desk(tmp_path, num_rows=24)
    texts = [{"text": f"the red one is number {n} of the blue ones"} for n in range(5)]
    lines = "".join(json.dumps(row) + "\n" for row in texts)
    (tmp_path / "texts.jsonl").write_text(lines, encoding="utf-8")
    return found


def train(place: Desk, mixture: list[dict[str, Any]], name: str = "run", **more: Any) -> Any:
    recipe = {
        "model": str(place.model),
        "data": {"train": more.get("rows", str(place.data)), "mixture": mixture},
        "training": {"max_steps": 4, "save_every": 2},
    }
    listen = more.get("on_event", silent)
    out = place.root / "runs" / name
    return luthier.train(recipe, out=out, overrides=list(QUICK), on_event=listen)


def test_texts_are_learned_beside_conversations_and_counted_by_themselves(place: Desk) -> None:
    heard: list[Event] = []
    source = {"train": str(place.root / "texts.jsonl"), "weight": 0.25, "objective": {"name": "lm"}}
    run = train(place, [source], on_event=heard.append)
    told = [event.metrics for event in heard if isinstance(event, Updated)]
    assert all("loss/texts" in metrics for metrics in told)  # one row beside every four
    ledger = read_json(run.layout.ledger)
    assert ledger["mixture"][0]["rows"]["in"] == 5
    assert ledger["mixture"][0]["rows"]["used"]["train"] == 5
    tokens = ledger["mixture"][0]["tokens"]["train"]
    assert tokens["trained"] == tokens["in"] - 5  # every token but the first of a text
    assert ledger["mixture"][0]["objective"] == "lm"


def test_rows_that_the_run_is_tested_on_are_left_out(place: Desk) -> None:
    run = train(place, [{"train": str(place.data), "weight": 1.0}])
    whole, other = read_json(run.layout.ledger), read_json(run.layout.ledger)["mixture"][0]
    held = whole["rows"]["used"]["validation"] + whole["rows"]["used"]["test"]
    dropped = sum(item["count"] for item in other["rows"]["dropped"].values())
    assert dropped >= held > 0
    assert other["rows"]["in"] == other["rows"]["used"]["train"] + dropped


def test_a_stopped_and_continued_mixture_equals_an_unbroken_one(place: Desk) -> None:
    source = [{"train": str(place.root / "texts.jsonl"), "weight": 0.5}]
    whole = train(place, source, "whole")

    def stop(event: Event) -> None:
        if isinstance(event, Updated) and event.step == 2:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted):
        train(place, source, "broken", on_event=stop)
    broken = train(place, source, "broken")
    one, two = (
        load_file(run.layout.adapter / "adapter_model.safetensors") for run in (whole, broken)
    )
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_pairs_and_texts_weigh_by_their_rows(place: Desk) -> None:
    rows = [{"prompt": f"what is {n}", "chosen": f"red {n}", "rejected": "no"} for n in range(30)]
    pairs = place.root / "pairs.jsonl"
    pairs.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    heard: list[Event] = []
    source = {"train": str(place.root / "texts.jsonl"), "weight": 0.5, "objective": {"name": "lm"}}
    train(place, [source], rows=str(pairs), on_event=heard.append)
    first = next(event for event in heard if isinstance(event, Updated))
    # a fresh adapter prefers nothing, whatever the pairs: 4 of them, beside 2 texts
    expected = 4 / 6 * math.log(2) + 2 / 6 * first.metrics["loss/texts"]
    assert first.loss == pytest.approx(expected, rel=1e-3)


def test_numbers_of_two_files_are_learned_by_one_head(place: Desk) -> None:
    tiny.folder(place.root / "reader", architecture="bert")
    for name, start in (("rows", 0), ("other", 500)):
        scores = [{"text": f"red {start + n}", "score": float(start + n)} for n in range(30)]
        lines = "".join(json.dumps(row) + "\n" for row in scores)
        (place.root / f"{name}.jsonl").write_text(lines, encoding="utf-8")
    heard: list[Event] = []
    recipe = {
        "model": str(place.root / "reader"),
        "data": {
            "train": str(place.data),
            "mixture": [{"train": str(place.root / "other.jsonl"), "objective": "regress"}],
        },
        "training": {"max_steps": 2, "spike_factor": 0.0},
    }
    luthier.train(recipe, out=place.root / "run", overrides=list(QUICK), on_event=heard.append)
    first = next(event for event in heard if isinstance(event, Updated))
    # in the unit of the first file, of deviation 9, the second is about 50 deviations off
    assert first.metrics["loss/other"] > 1000


def test_objectives_that_cannot_be_mixed_are_refused_with_those_that_can(place: Desk) -> None:
    source = {"train": str(place.root / "texts.jsonl"), "objective": {"name": "lm", "labels": 3}}
    with pytest.raises(RecipeError, match=r"data\.mixture\[0\]\.objective\.labels: unknown key"):
        train(place, [source])
    rows = place.root / "labels.jsonl"
    rows.write_text('{"text": "a", "label": "x"}\n{"text": "b", "label": "y"}\n', encoding="utf-8")
    with pytest.raises(RecipeError, match=r"'classify' needs another head.*lm"):
        train(place, [{"train": str(rows), "objective": {"name": "classify"}}])


@pytest.mark.parametrize("name", ["grpo", "ppo"])
def test_a_source_cannot_learn_from_answers_that_nobody_writes(place: Desk, name: str) -> None:
    objective = {"name": name, "beta": 0.0, "grader": {"name": "length", "most": 2}}
    with pytest.raises(RecipeError, match=rf"'{name}' learns from the .* own answers.*main one"):
        train(place, [{"train": str(place.data), "objective": objective}])
