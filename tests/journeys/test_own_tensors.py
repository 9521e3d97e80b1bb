"""Tuners that move the model's own tensors go the whole way: trained, saved, opened, exported."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from tests import tiny

import luthier
from luthier.recipe.load import read
from luthier.workflow.export import export_run
from luthier.workflow.plan import plan


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LUTHIER_CACHE", str(tmp_path / "cache"))
    tiny.folder(tmp_path / "llama")
    tiny.folder(tmp_path / "bert", architecture="bert")
    with (tmp_path / "labels.csv").open("w", encoding="utf-8", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(["text", "label"])
        lines.writerows([f"{'good' if n % 2 else 'bad'} thing {n}", "ny"[n % 2]] for n in range(40))
    chats = [{"prompt": f"say {n}", "completion": json.dumps({"n": n})} for n in range(30)]
    text = "".join(json.dumps(row) + "\n" for row in chats)
    (tmp_path / "chats.jsonl").write_text(text, encoding="utf-8")
    return tmp_path


def recipe(desk: Path, tuner: Any, *, writes: bool) -> dict[str, Any]:
    return {
        "model": str(desk / ("llama" if writes else "bert")),
        "data": {"train": str(desk / ("chats.jsonl" if writes else "labels.csv"))},
        "tuner": tuner,
        "evaluation": {
            "arms": ["base", "tuned"],
            "max_new_tokens": 4,
            "retention": False,
            "num_resamples": 100,
        },
        "training": {"precision": "bfloat16", "epochs": 3, "batch_size": 8},
    }


@pytest.mark.parametrize(
    ("tuner", "writes"),
    [("head", True), ("last_layers", True), ("bitfit", False)],
)
def test_a_run_saves_what_moved_and_opens_again(tuner: str, writes: bool, desk: Path) -> None:
    settings = {"name": tuner, **({"num_layers": 1} if tuner == "last_layers" else {})}
    run = luthier.train(recipe(desk, settings, writes=writes), out=desk / "run")
    assert not run.layout.model.exists()
    saved = load_file(run.layout.adapter / "changed.safetensors")
    names = dict(run.bundle.model.named_parameters())
    assert saved.keys() == {name for name, p in names.items() if p.requires_grad}
    assert all(torch.equal(names[name], tensor) for name, tensor in saved.items())
    row = {"prompt": "say 3"} if writes else {"text": "a good thing"}
    assert len(run.predict([row])) == 1
    whole = export_run(run.path, "safetensors", out=desk / "whole")
    assert whole["manifest"]["parity"]["prompts"]


def test_relevant_layers_are_measured_shown_in_the_plan_and_kept(desk: Path) -> None:
    tuner = {"name": "last_layers", "choose": "relevant", "num_layers": 1}
    asked = recipe(desk, tuner, writes=False)
    shown = plan(*read(asked))
    layers = shown["recipe"]["tuner"]["layers"]
    assert len(layers) == 1
    assert "of 2 layers that the loss depends on most" in shown["origins"]["tuner.layers"]
    run = luthier.train(asked, out=desk / "run")
    assert run.recipe.tuner["layers"] == layers
    named = run.bundle.model.named_parameters()
    inside = {name for name, p in named if p.requires_grad and ".layer." in name}
    places = {int(name.partition(".layer.")[2].partition(".")[0]) for name in inside}
    assert places == set(layers)
