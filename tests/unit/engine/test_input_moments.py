"""The inputs of layers are measured over all tokens of some rows, and nothing is left behind."""

from __future__ import annotations

import torch
from tests.contracts.cases import case, plain_bundle
from torch.testing import assert_close

from luthier.engine.input_moments import input_moments
from luthier.objectives.contract import Roles

LAYERS = ["model.layers.0.mlp.up_proj", "model.layers.1.mlp.down_proj"]


def test_they_are_means_over_tokens() -> None:
    found = case("lora", "sft")
    bundle = plain_bundle("causal_lm")
    measured = input_moments(bundle, found.objective, found.features, LAYERS)
    seen: dict[str, list[torch.Tensor]] = {name: [] for name in LAYERS}
    for name in LAYERS:
        bundle.model.get_submodule(name).register_forward_pre_hook(
            lambda _, given, name=name: seen[name].append(given[0].flatten(0, -2))
        )
    with torch.no_grad():
        for item in found.features:
            found.objective.loss(Roles(bundle), found.objective.collate([item]))
    for name in LAYERS:
        rows = torch.cat(seen[name])
        assert_close(measured[name], (rows.t() @ rows) / len(rows), rtol=1e-4, atol=1e-6)


def test_the_model_is_left_as_it_was() -> None:
    found = case("lora", "sft")
    bundle = plain_bundle("causal_lm")
    input_moments(bundle, found.objective, found.features, LAYERS)
    for name in LAYERS:
        assert not bundle.model.get_submodule(name)._forward_pre_hooks
    assert all(parameter.grad is None for parameter in bundle.model.parameters())
