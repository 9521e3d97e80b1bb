"""Which layers a target means, and what is said of weights that are no layers."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tests import tiny
from transformers import ConvNextConfig, ConvNextForImageClassification

from luthier.core.config import build
from luthier.core.errors import RecipeError
from luthier.models.bundle import Bundle, Outline
from luthier.models.facts import facts_of
from luthier.models.low_rank import LowRankLinear
from luthier.models.trunks import build as trunk_of
from luthier.tuners import attach
from luthier.tuners.lora import Config, Lora

NARROW: dict[str, Any] = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "moe_intermediate_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "num_experts_per_tok": 2,
}
SOME = ["q_proj", "v_proj"]


def lora(**settings: Any) -> Lora:
    return Lora(build(Config, {"rank": 4, **settings}, where="tuner"))


def tuned(bundle: Bundle, **settings: Any) -> set[str]:
    """Last parts of the names of what was adapted."""
    attach(lora(**settings), bundle, seed=0, frozen=torch.float32)
    parts = bundle.model.named_modules()
    return {name.rpartition(".")[2] for name, part in parts if isinstance(part, LowRankLinear)}


def with_experts(model_type: str) -> Bundle:
    count = "num_local_experts" if model_type == "mixtral" else "num_experts"
    bundle = tiny.bundle()
    bundle.model = tiny.small(model_type, **NARROW, **{count: 4})
    return bundle


@pytest.mark.parametrize("target", ["q_proj,v_proj", "q_proj, v_proj", SOME])
def test_names_may_stand_in_a_list_or_between_commas(target: Any) -> None:
    assert tuned(tiny.bundle(), target=target) == set(SOME)


@pytest.mark.parametrize("target", [["all-linear"], ["all_linear", "q_proj"], "all"])
def test_the_word_for_all_layers_may_stand_in_a_list(target: Any) -> None:
    assert tuned(tiny.bundle(), target=target) == tuned(tiny.bundle())


def test_a_wrong_name_between_commas_is_named_alone() -> None:
    with pytest.raises(RecipeError, match="'v_prj' names no linear layer below the head"):
        tuned(tiny.bundle(), target="q_proj,v_prj")


@pytest.mark.parametrize("model_type", ["mixtral", "qwen3_moe"])
def test_experts_that_are_no_linear_layers_are_said_to_stay_frozen(model_type: str) -> None:
    bundle = with_experts(model_type)
    tuned(bundle)
    (note,) = bundle.notes
    assert note.startswith("the experts of 2 layers are no linear layers (model.layers.0.mlp.exper")
    experts = [p for p in bundle.model.parameters() if p.ndim == 3]
    assert experts
    assert not any(p.requires_grad for p in experts)


def test_nothing_is_said_of_experts_that_were_not_meant_or_are_not_there() -> None:
    bundle, dense = with_experts("mixtral"), tiny.bundle()
    tuned(bundle, target=SOME)
    tuned(dense)
    assert bundle.notes == dense.notes == []


def pictures() -> Bundle:
    """ConvNext: pixels, no table of any kind, and linear layers between its convolutions."""
    settings = ConvNextConfig(hidden_sizes=[8, 8, 8, 8], depths=[1, 1, 1, 1], image_size=32)
    model = ConvNextForImageClassification(settings)
    bundle = tiny.bundle()
    trunk = trunk_of(model, "image_classifier", compute_dtype=torch.float32)
    labels = ("label_0", "label_1")
    codec, source = bundle.codec, bundle.source
    return Bundle(model, "image_classifier", facts_of(model), codec, source, trunk, labels)


def test_a_model_without_a_table_is_adapted_and_written_down() -> None:
    bundle, tuner = pictures(), lora()
    attach(tuner, bundle, seed=0, frozen=torch.float32)
    saved = tuner.peft(bundle)
    assert saved.config["modules_to_save"] == ["classifier"]
    tuner.take_peft(bundle, saved)


@pytest.mark.parametrize("settings", [{"embeddings": True}, {"tokens": ["new"]}])
def test_a_model_without_a_table_has_none_to_train(settings: Any) -> None:
    bundle = pictures()
    with pytest.raises(RecipeError, match=r"recipe tuner\.\w+: this model .* no t.*Leave it out"):
        lora(**settings).check(Outline(bundle.model, bundle.kind, bundle.facts))
