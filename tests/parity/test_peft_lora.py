"""Our LoRA against PEFT's: the same start, and with the same weights the same loss and gradient."""

from __future__ import annotations

import math

import peft
import pytest
import torch
from tests import tiny
from tests.contracts.cases import case
from torch.testing import assert_close

# PEFT reads a property that transformers renamed
pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")


def peft_state(model) -> dict[str, torch.Tensor]:
    """PEFT's adapter by our names."""
    state = peft.get_peft_model_state_dict(model)
    return {name.removeprefix("base_model.model."): tensor for name, tensor in state.items()}


@pytest.fixture
def theirs():
    """The same tiny model wrapped by PEFT."""
    settings = peft.LoraConfig(
        r=8, lora_alpha=16, target_modules="all-linear", task_type="CAUSAL_LM", lora_dropout=0.0
    )
    return peft.get_peft_model(tiny.causal_lm("llama"), settings)


def test_the_same_layers_are_adapted(theirs) -> None:
    ours = case("lora", "sft")
    found = set(ours.tuner.state(ours.bundle.model))
    wanted = set(peft_state(theirs))
    assert found == wanted


def test_the_start_has_the_same_scale(theirs) -> None:
    """Uniform within sqrt(6 / ((1 + 5) * inputs)): the same bound, and a spread near it."""
    ours = case("lora", "sft")
    for state in (ours.tuner.state(ours.bundle.model), peft_state(theirs)):
        for name, tensor in state.items():
            if name.endswith("lora_B.weight"):
                assert not tensor.any()
                continue
            bound = 1 / math.sqrt(tensor.shape[1])
            assert tensor.abs().max() <= bound
            assert tensor.std() == pytest.approx(bound / math.sqrt(3), rel=0.15)


def test_with_copied_weights_loss_and_gradients_agree(theirs) -> None:
    ours = case("lora", "sft")
    ours.disturb()
    state = ours.tuner.state(ours.bundle.model)
    prefixed = {f"base_model.model.{name}": tensor.clone() for name, tensor in state.items()}
    peft.set_peft_model_state_dict(theirs, prefixed)
    item = ours.features[0]
    gradients = ours.gradient([item], max_tokens=512)
    ids = torch.from_numpy(item.input_ids).long()
    labels = torch.where(torch.from_numpy(item.loss_weights) > 0, ids, -100)
    theirs.train()
    loss = theirs(input_ids=ids[None], labels=labels[None]).loss
    loss.backward()
    assert ours.loss([item]) == pytest.approx(loss.item(), rel=1e-5)
    wanted = {
        name.removeprefix("base_model.model.").replace(".default.weight", ""): p.grad
        for name, p in theirs.named_parameters()
        if p.requires_grad
    }
    assert gradients.keys() == wanted.keys()
    assert_close(gradients, wanted, rtol=1e-4, atol=1e-6)  # float32 products in another order
