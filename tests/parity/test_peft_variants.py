"""LoRA's variants against PEFT's: the same loss and gradients, and files that PEFT opens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import peft
import pytest
import torch
from tests import tiny
from tests.contracts.cases import WAYS, plain_bundle
from torch.testing import assert_close
from transformers import AutoModelForCausalLM

from luthier.core.config import build
from luthier.export.adapter import Adapter
from luthier.models.bundle import Bundle
from luthier.models.load import open_model
from luthier.tuners._peft import PREFIX
from luthier.tuners.lora import Config, Lora

# PEFT reads a property that transformers renamed
pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")

IDS = torch.arange(5, 45)[None]
VARIANTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "rslora": ({"rank_stabilised": True, "alpha": 8}, {"use_rslora": True, "lora_alpha": 8}),
    "dora": ({"lengths": True}, {"use_dora": True}),
    "dora, rslora": (
        {"lengths": True, "rank_stabilised": True, "alpha": 16},
        {"use_dora": True, "use_rslora": True},
    ),
    "patterns": (
        {"alpha": 16, "rank_pattern": {"q_proj": 2}, "alpha_pattern": {"up_proj": 5}},
        {"rank_pattern": {"q_proj": 2}, "alpha_pattern": {"up_proj": 5}},
    ),
}
"""Our settings, and PEFT's."""
ALL = {**{name: ours for name, (ours, _) in VARIANTS.items()}, "pissa": {"start": "pissa"}}
ALL["pissa, dora"] = {"start": "pissa", "lengths": True}


def tuned(bundle: Bundle, settings: dict[str, Any], *, disturbed: bool = True) -> Lora:
    """Our tuner, applied, its parameters moved away from where they started."""
    tuner = Lora(build(Config, {"rank": 8, **settings}, where="tuner"))
    tuner.apply(bundle, seed=0)
    if disturbed:
        tiny.disturb(bundle.model)
    return tuner


def wrapped(settings: dict[str, Any]) -> Any:
    """PEFT's model with these settings."""
    found = {"r": 8, "lora_alpha": 16, "target_modules": "all-linear", "lora_dropout": 0.0}
    config = peft.LoraConfig(**{**found, **settings}, task_type="CAUSAL_LM")
    return peft.get_peft_model(plain_bundle("causal_lm").model, config)


def loss_of(model: Any) -> torch.Tensor:
    return model(input_ids=IDS, labels=IDS).loss


def their_gradients(model: Any) -> dict[str, torch.Tensor]:
    """By the names of our parameters."""
    found: dict[str, torch.Tensor] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            name = name.removeprefix(PREFIX).replace(".default", "").removesuffix(".weight")
            found[name.replace("lora_magnitude_vector", "magnitude")] = parameter.grad
    return found


@pytest.mark.parametrize("variant", VARIANTS)
def test_with_the_same_weights_loss_and_gradients_agree(variant: str) -> None:
    ours, theirs = VARIANTS[variant]
    bundle = plain_bundle("causal_lm")
    tuner, other = tuned(bundle, ours), wrapped(theirs)
    tensors = {name: tensor.clone() for name, tensor in tuner.peft(bundle).tensors.items()}
    report = peft.set_peft_model_state_dict(other, tensors)
    assert not report.unexpected_keys
    one, two = loss_of(bundle.model), loss_of(other)
    assert one.item() == pytest.approx(two.item(), rel=1e-5)
    one.backward()
    two.backward()
    found = {n: p.grad for n, p in bundle.model.named_parameters() if p.requires_grad}
    wanted = their_gradients(other)
    assert found.keys() == wanted.keys()
    assert_close(found, wanted, rtol=1e-4, atol=1e-6)  # float32 products in another order


def test_pissa_starts_with_their_gradients() -> None:
    """Singular vectors are the same but for their sign, so the products B^T dB and A dA^T are."""
    bundle = plain_bundle("causal_lm")
    tuned(bundle, {"start": "pissa"}, disturbed=False)
    other = wrapped({"init_lora_weights": "pissa"})
    before = loss_of(plain_bundle("causal_lm").model).item()
    one, two = loss_of(bundle.model), loss_of(other)
    assert one.item() == before  # to the bit: the base is not touched
    assert two.item() == pytest.approx(before, rel=1e-5)
    one.backward()
    two.backward()
    found = {n: p.grad for n, p in bundle.model.named_parameters() if p.requires_grad}
    wanted = their_gradients(other)
    for name, gradient in found.items():
        # rows of A (columns of B) are singular vectors: largest first, each with a sign
        axis = 1 if name.endswith("lora_A") else 0
        rows = gradient.norm(dim=axis), wanted[name].norm(dim=axis)
        assert_close(rows[0], rows[1], rtol=2e-2, atol=1e-5)  # theirs are exact, ours turned


@pytest.mark.parametrize("variant", ALL)
def test_peft_opens_what_is_written(variant: str, tmp_path: Path) -> None:
    base = tiny.folder(tmp_path / "base")
    bundle = open_model(str(base), dtype=WAYS["float32"][0])
    tuner = tuned(bundle, ALL[variant])
    (tmp_path / "adapter").mkdir()
    Adapter().write(bundle, tuner, tmp_path / "adapter", source_folder=base)
    model = AutoModelForCausalLM.from_pretrained(base)
    model = peft.PeftModel.from_pretrained(model, str(tmp_path / "adapter"))
    with torch.no_grad():
        found, wanted = bundle.model(input_ids=IDS).logits, model(input_ids=IDS).logits
    assert_close(wanted, found, rtol=1e-4, atol=1e-5)
    again = open_model(str(base), dtype=torch.float32)
    second = tuned(again, ALL[variant], disturbed=False)
    second.take_peft(again, tuner.peft(bundle))
    with torch.no_grad():
        assert_close(again.model(input_ids=IDS).logits, found, rtol=1e-6, atol=1e-6)
