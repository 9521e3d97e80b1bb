"""Settings of LoRA that cannot be meant are refused, and the rate that it chooses."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from tests import tiny
from tests.contracts.cases import plain_bundle
from transformers import AutoConfig, AutoModelForCausalLM

from luthier.core.config import build
from luthier.core.errors import RecipeError
from luthier.models.bundle import Outline
from luthier.models.facts import facts_of
from luthier.models.low_rank import LowRankLinear
from luthier.tuners._principal import principal
from luthier.tuners.lora import Config, Lora


def applied(**settings: Any) -> dict[str, LowRankLinear]:
    """The low-rank layers of a tiny decoder under these settings."""
    bundle = plain_bundle("causal_lm")
    Lora(build(Config, {"rank": 8, **settings}, where="tuner")).apply(bundle, seed=0)
    return {n: m for n, m in bundle.model.named_modules() if isinstance(m, LowRankLinear)}


@pytest.mark.parametrize("alpha", [0, -3.0])
def test_an_alpha_that_turns_the_term_off_or_around_is_refused(alpha: float) -> None:
    with pytest.raises(RecipeError, match=r"recipe tuner.alpha: got .*expected a number above 0"):
        build(Config, {"alpha": alpha}, where="tuner")


def test_the_scaling_is_alpha_over_rank_and_two_where_nothing_is_said() -> None:
    assert build(Config, {"alpha": 4, "rank": 8}, where="tuner").scaling_of("q") == 0.5
    assert build(Config, {"rank": 8}, where="tuner").scaling_of("q") == 2.0


@pytest.mark.parametrize(("width", "rate"), [(8192, 1e-4), (4096, 2e-4), (2048, 3e-4), (576, 9e-4)])
def test_narrow_models_take_higher_rates(width: int, rate: float) -> None:
    facts = replace(facts_of(tiny.causal_lm()), hidden_size=width)
    assert Lora.usual_rate(facts, "causal_lm")[0] == pytest.approx(rate)


def test_no_rate_above_those_that_were_tried_is_chosen() -> None:
    assert Lora.usual_rate(facts_of(tiny.causal_lm()), "causal_lm")[0] == 1e-3


def test_stabilised_ranks_divide_by_the_root() -> None:
    config = build(Config, {"rank": 64, "alpha": 16, "rank_stabilised": True}, where="tuner")
    assert config.scaling_of("q") == 16 / math.sqrt(64)
    usual = build(Config, {"rank": 16, "rank_stabilised": True}, where="tuner")
    assert usual.scaling_of("q") == 2.0


@pytest.mark.parametrize(
    "pattern",
    [
        "q_proj",
        "*.self_attn.q_proj",
        r"layers\.\d+\.self_attn\.q.*",
        r"layers\.[0-9]+\.self_attn\.q_proj",
        "*.self_attn.q_*",
        "*.layers.*.self_attn.[q]*",
    ],
)
def test_a_pattern_gives_some_layers_another_rank_at_the_same_scaling(pattern: str) -> None:
    for name, layer in applied(rank_pattern={pattern: 2}).items():
        assert layer.rank == (2 if name.endswith("q_proj") else 8), name
        assert layer.scaling == 2.0


def test_the_first_pattern_counts() -> None:
    layers = applied(rank_pattern={"layers.0.self_attn.q_proj": 1, "q_proj": 2})
    assert layers["model.layers.0.self_attn.q_proj"].rank == 1
    assert layers["model.layers.1.self_attn.q_proj"].rank == 2


def test_alphas_can_be_named_by_layer() -> None:
    layers = applied(alpha=8, rank_pattern={"q_proj": 4}, alpha_pattern={"k_proj": 16})
    assert layers["model.layers.0.self_attn.q_proj"].scaling == 2.0
    assert layers["model.layers.0.self_attn.k_proj"].scaling == 2.0
    assert layers["model.layers.0.self_attn.v_proj"].scaling == 1.0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"target": "q_prj"}, "tuner.target: 'q_prj' names no linear layer below the head; did"),
        ({"rank_pattern": {"w_proj": 2}}, "rank_pattern: 'w_proj' means none of the adapted"),
        ({"rank_pattern": {"*.no_attn.*": 2}}, r"'\*.no_attn.\*' means none of the adapted"),
        ({"chosen": ["q_proj"]}, "chosen says what target = best:K means"),
        ({"embeddings_rate": 0.5}, "embeddings_rate is of embeddings = true"),
        ({"alpha_pattern": {"(": 2}}, r"alpha_pattern: '\(' is no regular expression"),
        ({"rank": 33}, r"tuner.rank: got 33, but layer .* Use a rank of at most"),
        (
            {"rank_pattern": {"up_proj": 99}},
            r"tuner.rank_pattern.up_proj: got 99, but layer '.*up_proj'",
        ),
        ({"rank_pattern": {"up_proj": 0}}, "rank_pattern: got .*expected numbers above 0"),
    ],
)
def test_settings_that_fit_no_layer_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        applied(**settings)


def test_b_alone_gets_the_higher_rate() -> None:
    bundle = plain_bundle("causal_lm")
    tuner = Lora(build(Config, {"rank": 8, "rate_ratio": 16}, where="tuner"))
    tuner.apply(bundle, seed=0)
    rates = {id(p): g.rate for g in tuner.groups(bundle.model) for p in g.parameters}
    trained = {n: p for n, p in bundle.model.named_parameters() if p.requires_grad}
    assert {n.endswith("lora_B"): rates[id(p)] for n, p in trained.items()} == {True: 16, False: 1}
    assert len(rates) == len(trained)


def test_the_principal_part_is_that_of_the_singular_values() -> None:
    weight = torch.randn(24, 40, generator=torch.Generator().manual_seed(1))
    weight *= torch.linspace(3, 0.1, 40)
    draws = torch.Generator().manual_seed(2)
    A_RI, B_OR = principal(weight, rank=5, scaling=2.0, generator=draws)
    left, values, right = torch.linalg.svd(weight)
    wanted = (left[:, :5] * values[:5]) @ right[:5]
    assert float((2.0 * B_OR @ A_RI - wanted).norm() / wanted.norm()) < 1e-2
    torch.testing.assert_close(A_RI.norm(dim=1), (values[:5] / 2).sqrt(), rtol=1e-2, atol=0)


def test_the_best_layers_are_recorded_and_adapted() -> None:
    tuner = Lora(build(Config, {"rank": 8, "target": "best:2"}, where="tuner"))
    bundle = plain_bundle("causal_lm")
    names = list(tuner.parts(bundle))
    assert len(names) == 14
    found = tuner.choose({name: float(index % 5) for index, name in enumerate(names)})
    chosen, why = found["chosen"]
    assert chosen == [names[4], names[9]]
    assert "largest gradients of 14: 4" in why
    assert set(applied(target="best:2", chosen=chosen)) == set(chosen)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("best:0", "got 'best:0', expected best: and a number above 0"),
        ("best:many", "got 'best:many', expected best:"),
        (["q_proj", "best:2"], "got 'best:2' in a list, expected it by itself"),
        ("best:3", "best:3 is measured on training rows, and there are none here"),
    ],
)
def test_best_layers_that_cannot_be_had_are_refused(target: str | list[str], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        applied(target=target)


def test_more_layers_than_there_are_cannot_be_the_best() -> None:
    tuner = Lora(build(Config, {"target": "best:15"}, where="tuner"))
    with pytest.raises(RecipeError, match="got best:15, but there are 14"):
        tuner.choose(dict.fromkeys(tuner.parts(plain_bundle("causal_lm")), 1.0))


def test_what_is_recorded_of_a_tuner_is_a_recipe_again() -> None:
    for settings in ({}, {"target": "best:2", "chosen": ["layers.0.mlp.up_proj"]}):
        config = build(Config, settings, where="tuner")
        found = {key: value for key, (value, _) in Lora.resolve(config).items()}
        whole = config.model_copy(update=found).model_dump(mode="json")
        assert build(Config, whole, where="tuner").model_dump(mode="json") == whole


def test_rank_8_on_queries_and_values_is_a_third_of_a_percent_of_smollm2_135m() -> None:
    shape = AutoConfig.for_model(
        "llama",
        hidden_size=576,
        intermediate_size=1536,
        num_hidden_layers=30,
        num_attention_heads=9,
        num_key_value_heads=3,
        vocab_size=49152,
        tie_word_embeddings=True,
    )
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(shape)
        tuner = Lora(build(Config, {"rank": 8, "target": ["q_proj", "v_proj"]}, where="tuner"))
        layers = tuner.check(Outline(model, "causal_lm", facts_of(model)))
        added = [LowRankLinear(layer, rank=8, scaling=2.0, dropout=0) for layer in layers.values()]
    named = [pair for layer in added for pair in layer.named_parameters()]
    own = sum(p.numel() for name, p in named if not name.startswith("base."))
    whole = sum(parameter.numel() for parameter in model.parameters())
    assert (len(layers), own, whole) == (60, 460_800, 134_515_008)
    assert own / (own + whole) < 0.0035
