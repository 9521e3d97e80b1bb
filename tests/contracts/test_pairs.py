"""Every tuner with every objective: four steps, saved, opened again, the same; or refused."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from tests import tiny
from tests.contracts.cases import PAIRS, case, kind_of

import luthier
from luthier.core.errors import LuthierError, RecipeError
from luthier.core.events import Updated
from luthier.engine import checkpoint
from luthier.objectives import objectives
from luthier.tuners import tuners
from luthier.workflow.check import lacks, refuse_kind, refuse_lost_base


@pytest.mark.parametrize(("tuner", "objective"), PAIRS)
def test_a_pair_trains_saves_and_says_the_same_again(
    tuner: str, objective: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LUTHIER_CACHE", str(tmp_path / "cache"))
    learned, moved = objectives.get(objective), tuners.get(tuner)
    names = (objective, tuner)
    if "reference" in learned.roles and not moved.keeps_base:
        with pytest.raises(RecipeError, match="Use one that does"):
            refuse_lost_base(learned, moved, names=names)
        return
    refuse_lost_base(learned, moved, names=names)
    if lacks(moved, kind_of(objective)):
        with pytest.raises(RecipeError, match="Use one of"):
            refuse_kind(moved, kind_of(objective), names=names)
        return
    refuse_kind(moved, kind_of(objective), names=names)
    found = case(tuner, objective)
    events = found.fit(tmp_path, max_steps=4, evaluate_every=2, save_every=2, cache_bytes=1 << 30)
    assert sum(isinstance(event, Updated) for event in events) == 4
    saved, problems = checkpoint.latest(tmp_path / "checkpoints")
    assert saved is not None
    assert (saved.step, problems) == (4, [])
    other = case(tuner, objective, seed=1)
    other.tuner.restore(other.bundle.model, saved.tensors(checkpoint.WEIGHTS))
    other.features = found.features
    assert torch.equal(other.outputs(), found.outputs())


READS = [name for name in objectives.names() if kind_of(name) != "causal_lm"]
ON_DECODERS = [
    *(("lora", name) for name in READS),
    *((name, "classify") for name in tuners.names() if not lacks(tuners.get(name), "causal_lm")),
]


@pytest.mark.parametrize(("tuner", "objective"), sorted(set(ON_DECODERS)))
def test_models_that_write_read_as_well(tuner: str, objective: str, tmp_path: Path) -> None:
    model: dict[str, Any] = {"architecture": "llama", "attention_bias": tuner == "bitfit"}
    found = case(tuner, objective, **model)
    before = found.outputs()
    events = found.fit(tmp_path, max_steps=3, save_every=3)
    losses = [event.loss for event in events if isinstance(event, Updated)]
    assert len(losses) == 3
    assert all(math.isfinite(loss) for loss in losses)
    saved, _ = checkpoint.latest(tmp_path / "checkpoints")
    assert saved is not None
    other = case(tuner, objective, seed=1, **model)
    other.tuner.restore(other.bundle.model, saved.tensors(checkpoint.WEIGHTS))
    other.features = found.features
    assert torch.equal(other.outputs(), found.outputs())
    assert not torch.equal(found.outputs(), before)


@pytest.mark.parametrize(
    ("tuner", "learned", "architecture", "words"),
    [
        ("head", {"name": "contrastive"}, "bert", "has nothing to train"),
        ("full", {"name": "grpo", "grader": {"name": "length"}}, "llama", "does not keep it"),
    ],
)
def test_a_pair_is_refused_before_a_model_is_opened(
    tuner: str, learned: dict[str, Any], architecture: Any, words: str, tmp_path: Path
) -> None:
    model = tiny.folder(tmp_path / "model", architecture=architecture)
    save_file({"nothing": torch.zeros(1)}, model / "model.safetensors")  # none of its tensors
    is_pair = architecture == "bert"
    names = ("anchor", "positive") if is_pair else ("prompt", "reference")
    rows = [dict(zip(names, (f"what is {n}", f"it is {n}"), strict=True)) for n in range(40)]
    data = tmp_path / "rows.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")

    def said(name: str) -> str:
        recipe = {
            "model": str(model),
            "data": {"train": str(data)},
            "tuner": {"name": name},
            "objective": learned,
        }
        with pytest.raises(LuthierError) as caught:
            luthier.train(recipe, out=tmp_path / name)
        return str(caught.value)

    assert words in said(tuner)
    assert words not in said("lora")  # allowed, so that it comes as far as the weights
