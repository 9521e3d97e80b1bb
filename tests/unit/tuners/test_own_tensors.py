"""What moves under head, last_layers, bitfit and norms; and that little is saved of it."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tests import tiny
from tests.contracts.cases import case
from torch import nn

from luthier.core.errors import RecipeError
from luthier.models.bundle import Bundle
from luthier.tuners import attach, tuners

LABELS = ("a", "b", "c")


def tuned(tuner: str, bundle: Bundle, **settings: Any) -> Bundle:
    kind = tuners.get(tuner)
    built = kind(kind.Config(**settings))
    return attach(built, bundle, seed=0, frozen=torch.float32)


def moved(bundle: Bundle) -> set[str]:
    return {name for name, p in bundle.model.named_parameters() if p.requires_grad}


def blocks(names: set[str]) -> set[int]:
    return {int(name.partition("layer")[2].split(".")[1]) for name in names if "layer" in name}


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, {2, 3}),
        ({"num_layers": 1}, {3}),
        ({"choose": "first", "num_layers": 1}, {0}),
        ({"layers": [1, -1]}, {1, 3}),
    ],
)
def test_the_chosen_blocks_move_and_nothing_else(
    settings: dict[str, Any], expected: set[int]
) -> None:
    bundle = tuned("last_layers", tiny.bundle("llama", num_hidden_layers=4), **settings)
    names = moved(bundle)
    assert blocks(names) == expected
    assert all(".layers." in name for name in names)


def test_a_classifier_moves_its_head_and_pooler_too() -> None:
    bundle = tuned("last_layers", tiny.bundle("bert", labels=LABELS), num_layers=1)
    outside = {name for name in moved(bundle) if ".layer." not in name}
    assert outside == {
        "bert.pooler.dense.weight",
        "bert.pooler.dense.bias",
        "classifier.weight",
        "classifier.bias",
    }


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("model.norm", {"model.norm.weight"}),
        ("norm", {"model.norm.weight"}),
        ("*.layers.0.*_layernorm", {"input_layernorm", "post_attention_layernorm"}),
        ("layers.1.mlp.down_proj.weight", {"model.layers.1.mlp.down_proj.weight"}),
    ],
)
def test_modules_are_named_whole_by_their_end_or_by_a_glob(
    pattern: str, expected: set[str]
) -> None:
    settings = {"num_layers": 0, "modules": [pattern]}
    names = moved(tuned("last_layers", tiny.bundle("llama"), **settings))
    assert names == expected or {name.split(".")[-2] for name in names} == expected


@pytest.mark.parametrize(
    ("tuner", "settings", "words"),
    [
        ("last_layers", {"num_layers": 5}, r"tuner.num_layers: got 5, but the model has 2 layers"),
        ("last_layers", {"layers": [2]}, r"tuner.layers: got 2, .* expected 0 to 1, or -2 to -1"),
        ("last_layers", {"modules": ["down_porj"]}, r"'down_porj' names nothing.*'down_proj'"),
        (
            "last_layers",
            {"modules": ["lm_head"]},
            r"'lm_head' is tied: its 'lm_head.weight' is one matrix with "
            r"'model.embed_tokens.weight'. Name that one to train both, or use tuner 'head'",
        ),
        ("bitfit", {}, r"'bitfit' trains biases, and LlamaForCausalLM has none. Use tuner 'norms'"),
    ],
)
def test_what_cannot_move_is_refused_with_a_way_out(
    tuner: str, settings: dict[str, Any], words: str
) -> None:
    with pytest.raises(RecipeError, match=words):
        tuned(tuner, tiny.bundle("llama"), **settings)


def test_nothing_at_all_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one layer"):
        tuners.get("last_layers").Config(num_layers=0)


def test_bitfit_moves_every_bias() -> None:
    bundle = tuned("bitfit", tiny.bundle("bert", labels=LABELS))
    every = {name for name, _ in bundle.model.named_parameters() if name.endswith(".bias")}
    assert moved(bundle) == every | {"classifier.weight", "bert.pooler.dense.weight"}


@pytest.mark.parametrize(("architecture", "count"), [("llama", 5), ("gpt2", 10), ("qwen3", 9)])
def test_norms_moves_every_norm(architecture: Any, count: int) -> None:
    names = moved(tuned("norms", tiny.bundle(architecture)))
    assert len(names) == count
    assert all("norm" in name or "ln_" in name for name in names)


def test_the_output_layer_of_a_tied_model_is_untied_and_the_input_stays() -> None:
    bundle = tiny.bundle("llama")
    model: Any = bundle.model
    before = model.model.embed_tokens.weight.clone()
    bundle = tuned("head", bundle)
    assert moved(bundle) == {"lm_head.weight"}
    with torch.no_grad():
        model.lm_head.weight.add_(1.0)
    assert torch.equal(model.model.embed_tokens.weight, before)


def test_the_base_view_can_be_taken_between_a_loss_and_its_gradient() -> None:
    found = case("last_layers", "sft")
    batch = found.objective.collate(found.features)
    found.disturb()
    expected = found.gradient(found.features, max_tokens=10**9)
    loss = found.objective.loss(found.roles(), batch)
    with torch.no_grad(), found.tuner.base(found.bundle.model):
        found.bundle.trunk.hidden(batch)
    (loss.sum / loss.count).backward()
    named = dict(found.bundle.model.named_parameters())
    for name, gradient in expected.items():
        torch.testing.assert_close(named[name].grad, gradient)


def test_the_relevant_layers_are_those_with_the_largest_score() -> None:
    found = case("full", "sft", num_hidden_layers=4)
    kind = tuners.get("last_layers")
    tuner = kind(kind.Config(choose="relevant", num_layers=2))
    parts = tuner.parts(found.bundle)
    assert list(parts) == ["0", "1", "2", "3"]
    assert all(f".layers.{name}." in inside for name in parts for inside in parts[name])
    value, why = tuner.choose({"0": 1.0, "1": 9.0, "2": 6.0, "3": 4.24})["layers"]
    assert value == [1, 2]
    assert "(1: 9, 2: 6, 3: 4.24, 0: 1)" in why
    assert not kind(kind.Config(choose="last")).parts(found.bundle)


def test_a_norm_has_weight_and_bias_in_one_type() -> None:
    kind = tuners.get("bitfit")
    bundle = tiny.bundle("bert", labels=LABELS)
    exact = {name: p.detach().clone() for name, p in bundle.model.named_parameters()}
    attach(kind(kind.Config()), bundle, seed=0, frozen=torch.bfloat16)
    for name, module in bundle.model.named_modules():
        if isinstance(module, nn.LayerNorm):
            assert module.weight.dtype == module.bias.dtype == torch.float32
            assert torch.equal(module.weight, exact[f"{name}.weight"].bfloat16().float())


@pytest.mark.parametrize(
    "settings",
    [
        {"layers": [0], "num_layers": 3},
        {"layers": [0], "choose": "first"},
        {"layers": [0], "choose": "relevant", "num_layers": 4},
    ],
    ids=str,
)
def test_a_number_of_layers_beside_named_ones_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="leave num_layers and choose out"):
        tuners.get("last_layers").Config(**settings)


@pytest.mark.parametrize(
    "settings", [{"layers": [0]}, {"layers": [1, 3, 2], "choose": "relevant", "num_layers": 3}]
)
def test_recorded_layers_are_a_recipe_again(settings: dict[str, Any]) -> None:
    kind = tuners.get("last_layers").Config
    recorded = kind(**settings).model_dump(mode="json")
    assert kind(**recorded).model_dump(mode="json") == recorded
