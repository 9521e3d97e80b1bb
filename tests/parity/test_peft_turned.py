"""LoRA on GPT-2, whose linear layers lie the other way round (Conv1D), against PEFT's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import peft
import pytest
import torch
from tests import tiny
from torch.testing import assert_close
from transformers import AutoModelForCausalLM

from luthier.core.config import build
from luthier.core.errors import RecipeError
from luthier.export.adapter import Adapter
from luthier.models.bundle import Bundle
from luthier.models.load import open_model
from luthier.tuners import tuners
from luthier.tuners._peft import PREFIX
from luthier.tuners.lora import Config, Lora

# PEFT reads a property that transformers renamed
pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")

IDS = torch.arange(5, 45)[None]
WAYS: dict[str, dict[str, Any]] = {
    "plain": {},
    "lengths": {"lengths": True},
    "pissa": {"start": "pissa"},
}


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return tiny.folder(tmp_path / "base", architecture="gpt2")


def tuned(bundle: Bundle, settings: dict[str, Any]) -> Lora:
    """Our tuner, applied, its parameters moved away from where they started."""
    tuner = Lora(build(Config, {"rank": 8, **settings}, where="tuner"))
    tuner.apply(bundle, seed=0)
    tiny.disturb(bundle.model)
    return tuner


def opened(base: Path) -> Bundle:
    return open_model(str(base), dtype=torch.float32)


def logits(model: Any) -> torch.Tensor:
    with torch.no_grad():
        return model.eval()(input_ids=IDS).logits


@pytest.mark.parametrize("way", WAYS)
def test_peft_opens_it_and_learns_alike(base: Path, tmp_path: Path, way: str) -> None:
    bundle = opened(base)
    tuner = tuned(bundle, WAYS[way])
    (tmp_path / "adapter").mkdir()
    Adapter().write(bundle, tuner, tmp_path / "adapter", source_folder=base)
    plain = AutoModelForCausalLM.from_pretrained(base)
    other: Any = peft.PeftModel.from_pretrained(
        plain, str(tmp_path / "adapter"), is_trainable=way != "pissa"
    )
    assert_close(logits(other), logits(bundle.model), rtol=1e-4, atol=1e-5)
    if way == "pissa":  # written as one of twice the rank, all of which PEFT would train
        return
    bundle.model(input_ids=IDS, labels=IDS).loss.backward()
    other(input_ids=IDS, labels=IDS).loss.backward()
    found = {n: p.grad for n, p in bundle.model.named_parameters() if p.requires_grad}
    wanted = {
        n.removeprefix(PREFIX)
        .replace(".default", "")
        .removesuffix(".weight")
        .replace("lora_magnitude_vector", "magnitude"): p.grad
        for n, p in other.named_parameters()
        if p.requires_grad
    }
    assert len(found) == len(WAYS[way]) * 8 + 16  # four layers in each of two blocks
    assert found.keys() == wanted.keys()
    assert_close(found, wanted, rtol=1e-4, atol=1e-6)  # float32 products in another order


@pytest.mark.parametrize("way", WAYS)
def test_it_merges_and_the_base_is_given_back(base: Path, way: str) -> None:
    before = logits(opened(base).model)
    bundle = opened(base)
    tuner = tuned(bundle, WAYS[way])
    after = logits(bundle.model)
    assert not torch.allclose(before, after, atol=1e-3)
    with tuner.base(bundle.model) as untouched:
        assert torch.equal(logits(untouched), before)
    merged = tuner.merge(bundle.model)
    assert_close(logits(merged), after, rtol=1e-4, atol=1e-4)
    names = {name for name, _ in opened(base).model.named_parameters()}
    assert {name for name, _ in merged.named_parameters()} == names


@pytest.mark.parametrize("said", ["all-linear", "all"])
def test_what_other_tools_call_all_linear_layers_is_understood(base: Path, said: str) -> None:
    found = Lora(build(Config, {"target": said}, where="tuner")).check(opened(base))
    assert found.keys() == Lora(Config()).check(opened(base)).keys()


def test_few_bits_are_refused_with_the_tuner_to_use(base: Path) -> None:
    kind = tuners.get("qlora")
    with pytest.raises(RecipeError, match=r"Conv1D.*Use tuner=lora"):
        kind(kind.Config(bits=8)).apply(opened(base), seed=0)
