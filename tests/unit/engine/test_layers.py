"""Rates that fall from layer to layer, and layers that begin to move one after another."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from tests import tiny
from tests.contracts.cases import Case, case
from torch import nn

from luthier.core.errors import Interrupted
from luthier.core.events import Event, Updated
from luthier.engine.fit import fit
from luthier.engine.layers import decayed, ranks, unfreezing, without_effect
from luthier.tuners.contract import ParamGroup


def moved(model: nn.Module) -> dict[str, nn.Parameter]:
    return {name: p for name, p in model.named_parameters() if p.requires_grad}


def test_every_layer_has_its_share_of_the_rate_above() -> None:
    model = tiny.classifier("bert")
    groups = decayed([ParamGroup(list(model.parameters()), rate=2.0)], model, layer_decay=0.5)
    rate = {id(p): group.rate for group in groups for p in group.parameters}
    named = dict(model.named_parameters())
    assert rate[id(named["classifier.weight"])] == 2.0
    assert rate[id(named["bert.pooler.dense.weight"])] == 2.0
    assert rate[id(named["bert.encoder.layer.1.output.dense.weight"])] == 1.0
    assert rate[id(named["bert.encoder.layer.0.output.dense.weight"])] == 0.5
    assert rate[id(named["bert.embeddings.word_embeddings.weight"])] == 0.25
    assert len(rate) == len(named)


def test_weight_decay_of_a_group_goes_with_its_parts() -> None:
    model = tiny.classifier("bert")
    matrices = [p for p in model.parameters() if p.ndim > 1]
    vectors = [p for p in model.parameters() if p.ndim < 2]
    groups = decayed(
        [ParamGroup(matrices), ParamGroup(vectors, decays=False)], model, layer_decay=0.9
    )
    assert {id(p) for g in groups if g.decays for p in g.parameters} == {id(p) for p in matrices}


def test_a_last_norm_goes_with_the_last_block_unless_a_head_moves_too() -> None:
    model: Any = tiny.causal_lm("llama")
    rank = ranks(model, moved(model))
    assert rank["model.norm.weight"] == rank["model.layers.1.mlp.up_proj.weight"] == 0
    assert rank["model.layers.0.mlp.up_proj.weight"] == 1
    assert rank["model.embed_tokens.weight"] == 2
    apart: Any = tiny.causal_lm("llama", tie_word_embeddings=False)
    rank = ranks(apart, moved(apart))
    assert rank["lm_head.weight"] == 0
    assert rank["model.layers.1.mlp.up_proj.weight"] == 1


def test_layers_begin_to_move_from_the_top_down() -> None:
    model = tiny.classifier("bert")
    found = unfreezing(model, moved(model), every=3)
    names = dict(model.named_parameters())

    def moving(step: int) -> set[str]:
        with found.at(step):
            return {
                name.partition("layer.")[2][:1] or name.split(".")[1]
                for name in names
                if names[name].requires_grad
            }

    assert moving(0) == moving(2) == {"pooler", "weight", "bias"}
    assert moving(3) == {"pooler", "weight", "bias", "1"}
    assert moving(6) == {"pooler", "weight", "bias", "1", "0"}
    assert "embeddings" in moving(9)
    assert all(p.requires_grad for p in names.values())  # outside of it


@pytest.mark.parametrize("tuner", ["full", "lora", "last_layers"])
def test_only_what_was_unfrozen_has_moved(tuner: str, tmp_path: Path) -> None:
    found = case(tuner, "classify")
    before = found.parameters()
    found.fit(tmp_path, max_steps=3, epochs=9, unfreeze_every=2)
    names = {name for name, p in found.parameters().items() if not torch.equal(p, before[name])}
    assert any("classifier" in name for name in names)
    assert any(".layer.1." in name for name in names)  # since step 2
    assert not any(".layer.0." in name or "embeddings" in name for name in names)


def losses(events: list[Event]) -> list[float]:
    return [event.loss for event in events if isinstance(event, Updated)]


@pytest.mark.parametrize("stop_at", [1, 2, 3])
def test_a_stopped_and_continued_run_unfreezes_alike(stop_at: int, tmp_path: Path) -> None:
    settings: dict[str, Any] = {
        "epochs": 3,
        "save_every": 1,
        "unfreeze_every": 2,
        "layer_decay": 0.7,
    }
    whole = case("full", "classify")
    expected = losses(whole.fit(tmp_path / "whole", **settings))
    asked: list[int] = []
    job = case("full", "classify").job(tmp_path / "broken", **settings)
    job.should_stop = lambda: bool(asked.append(1)) or len(asked) > stop_at
    events: list[Event] = []
    with pytest.raises(Interrupted):
        events.extend(fit(job))
    continued = case("full", "classify")
    events += continued.fit(tmp_path / "broken", **settings)
    assert losses(events) == expected
    one, other = whole.parameters(), continued.parameters()
    assert all(torch.equal(other[name], value) for name, value in one.items())


def test_a_decayed_rate_is_torch_adamw_with_a_rate_per_layer(tmp_path: Path) -> None:
    """Two steps of the whole engine against the updates written down by hand."""
    found: Case = case("full", "sft", num_hidden_layers=2)
    plain = found.parameters()
    found.fit(
        tmp_path / "decayed",
        max_steps=1,
        epochs=9,
        layer_decay=0.5,
        weight_decay=0.0,
        max_grad_norm=1e9,
    )
    once = case("full", "sft", num_hidden_layers=2)
    once.fit(tmp_path / "plain", max_steps=1, epochs=9, weight_decay=0.0, max_grad_norm=1e9)
    rank = ranks(found.bundle.model, dict(found.bundle.model.named_parameters()))
    reference = once.parameters()
    for name, value in found.parameters().items():
        step = reference[name] - plain[name]
        torch.testing.assert_close(
            value - plain[name], step * 0.5 ** rank[name], rtol=1e-3, atol=1e-7
        )


@pytest.mark.parametrize(
    ("tuner", "settings", "words"),
    [
        (
            "full",
            {"unfreeze_every": 5, "num_steps": 10},
            "of 4 layers only the upper 2 .* at 3 all",
        ),
        ("full", {"unfreeze_every": 1, "num_steps": 2}, "upper 2 .* the run is too short"),
        ("full", {"unfreeze_every": 3, "num_steps": 10, "layer_decay": 0.9}, ""),
        ("head", {"unfreeze_every": 1}, "training.unfreeze_every without effect"),
        ("head", {"layer_decay": 0.9, "unfreeze_every": 1}, "layer_decay and training.unfreeze_ev"),
        ("head", {}, ""),
    ],
)
def test_settings_that_change_nothing_or_come_too_late_are_said(
    tuner: str, settings: dict[str, Any], words: str
) -> None:
    asked = {"layer_decay": 1.0, "unfreeze_every": 0, "num_steps": 10, **settings}
    found = without_effect(case(tuner, "classify").bundle.model, **asked)
    assert len(found) == bool(words)
    assert re.search(words, "".join(found))
