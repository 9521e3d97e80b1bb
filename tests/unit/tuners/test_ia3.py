"""Learned scales: where they go, how they merge, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from pydantic import ValidationError
from tests import tiny
from torch.testing import assert_close

from luthier.core.errors import RecipeError, RunError
from luthier.models.bundle import Bundle
from luthier.models.scaled import ScaledLinear
from luthier.tuners import tuners

IDS = torch.tensor([[9, 8, 7, 30, 12]])


def tuned(bundle: Bundle, **settings: Any) -> Any:
    kind = tuners.get("ia3")
    tuner = kind(kind.Config(**settings))
    tuner.apply(bundle, seed=0)
    draws = torch.Generator().manual_seed(1)
    for parameter in bundle.model.parameters():
        if parameter.requires_grad:
            parameter.data += 0.3 * torch.randn(parameter.shape, generator=draws)
    return tuner


def scaled(bundle: Bundle) -> dict[str, ScaledLinear]:
    named = bundle.model.named_modules()
    return {name: part for name, part in named if isinstance(part, ScaledLinear)}


@torch.no_grad()
def logits(bundle: Bundle) -> torch.Tensor:
    return bundle.model(input_ids=IDS).logits


def test_a_decoder_has_a_scale_per_key_value_and_feed_forward_input() -> None:
    bundle = tiny.bundle()
    tuner = tuned(bundle)
    count = sum(tensor.numel() for tensor in tuner.state(bundle.model).values())
    config = bundle.model.config
    keys = config.num_key_value_heads * config.head_dim  # type: ignore[operator]
    assert count == 2 * (2 * keys + config.intermediate_size)  # type: ignore[operator]


@pytest.mark.parametrize("architecture", ["llama", "qwen2", "gpt2"])
def test_merged_weights_and_biases_give_the_same_logits(architecture: Any) -> None:
    bundle = tiny.bundle(architecture)
    tuner = tuned(bundle)
    before = logits(bundle)
    bundle.model = tuner.merge(bundle.model)
    assert not scaled(bundle)
    assert_close(logits(bundle), before, rtol=1e-4, atol=1e-5)  # one product instead of two


def test_layers_can_be_named() -> None:
    bundle = tiny.bundle()
    tuned(bundle, target=["o_proj", "*.0.mlp.up_proj"], feedforward=["o_proj"])
    found = {name: part.scales_inputs for name, part in scaled(bundle).items()}
    assert found == {
        "model.layers.0.self_attn.o_proj": True,
        "model.layers.1.self_attn.o_proj": True,
        "model.layers.0.mlp.up_proj": False,
    }


def test_a_name_of_no_layer_is_refused_with_the_nearest() -> None:
    with pytest.raises(RecipeError, match=r"'k_porj' names no linear layer.*'k_proj'"):
        tuned(tiny.bundle(), target=["k_porj"], feedforward=[])


@pytest.mark.parametrize(
    ("architecture", "labels", "head"),
    [
        ("llama", (), "lm_head"),
        ("llama", ("a", "b"), "score"),
        ("bert", ("a", "b"), "classifier"),
        ("bert", ("a", "b"), "pooler.dense"),
    ],
)
def test_a_head_is_never_scaled(architecture: Any, labels: tuple[str, ...], head: str) -> None:
    bundle = tiny.bundle(architecture, labels=labels)
    tuned(bundle, target=["*"], feedforward=[])
    assert scaled(bundle)
    assert not [name for name in scaled(bundle) if name.endswith(head)]
    with pytest.raises(RecipeError, match=f"'{head}' names no linear layer below the head"):
        tuned(tiny.bundle(architecture, labels=labels), target=[head], feedforward=[])


def test_an_unknown_model_type_asks_for_names() -> None:
    bundle = tiny.bundle()
    model: Any = bundle.model
    model.config.model_type = "another"
    with pytest.raises(RecipeError, match=r"model type 'another'.*Name them: tuner\.target"):
        tuned(bundle)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"target": ["k_proj"]}, "give both target and feedforward"),
        ({"target": ["k_proj"], "feedforward": ["up_proj"]}, "names up_proj, which target does"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(settings: Any, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        tuners.get("ia3").Config(**settings)


def test_files_with_inputs_scaled_instead_of_outputs_are_refused() -> None:
    bundle, other = tiny.bundle(), tiny.bundle()
    tuner = tuned(bundle, target=["o_proj"], feedforward=[])
    saved = tuned(other, target=["o_proj"], feedforward=["o_proj"]).peft(other)
    with pytest.raises(RunError, match=r"got shape \(1, 32\), expected \(32, 1\)"):
        tuner.take_peft(bundle, saved)
