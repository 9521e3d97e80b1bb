"""Our IA3 against PEFT's: the same layers, the same loss and gradient, and files PEFT opens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import peft
import pytest
import torch
from peft.utils import constants
from tests import tiny
from tests.contracts.cases import case
from torch.testing import assert_close

from luthier.export import run_export
from luthier.export.adapter import load
from luthier.models.load import open_model
from luthier.tuners import tuners
from luthier.tuners.ia3 import KNOWN

# PEFT reads a property that transformers renamed
pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")

PROMPTS = [np.arange(5, 45, dtype=np.int32), np.arange(60, 90, dtype=np.int32)]
ARCHITECTURES: list[Any] = ["llama", "qwen3", "gemma2", "gpt2", "bert", "roberta"]


def test_the_table_is_peft_s_where_peft_has_one() -> None:
    theirs = constants.TRANSFORMERS_MODELS_TO_IA3_TARGET_MODULES_MAPPING
    inputs = constants.TRANSFORMERS_MODELS_TO_IA3_FEEDFORWARD_MODULES_MAPPING
    for name, (target, feedforward) in KNOWN.items():
        if name in theirs:
            assert set(target) == set(theirs[name]), name
            assert set(feedforward) == set(inputs[name]), name


def test_loss_and_gradients_agree() -> None:
    ours = case("ia3", "sft")
    ours.disturb()
    config = peft.IA3Config(task_type="CAUSAL_LM")
    theirs = peft.get_peft_model(tiny.causal_lm("llama"), config)
    tuner: Any = ours.tuner
    saved = tuner.peft(ours.bundle)
    assert set(peft.get_peft_model_state_dict(theirs)) == set(saved.tensors)
    peft.set_peft_model_state_dict(theirs, {k: v.clone() for k, v in saved.tensors.items()})
    item = ours.features[0]
    gradients = ours.gradient([item], max_tokens=512)
    ids = torch.from_numpy(item.input_ids).long()
    labels = torch.where(torch.from_numpy(item.loss_weights) > 0, ids, -100)
    loss = theirs(input_ids=ids[None], labels=labels[None]).loss
    loss.backward()
    assert ours.loss([item]) == pytest.approx(loss.item(), rel=1e-5)
    wanted = {
        name.removeprefix("base_model.model.").replace("ia3_l.default", "scale"): p.grad.flatten()
        for name, p in theirs.named_parameters()
        if p.grad is not None
    }
    assert_close(gradients, wanted, rtol=1e-4, atol=1e-6)  # float32 products in another order


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_files_are_opened_by_peft_and_by_us(architecture: Any, tmp_path: Path) -> None:
    """The gate opens them in another process and compares outputs with the tuned model's."""
    base = tiny.folder(tmp_path / "base", architecture=architecture)
    labels = ("label_0", "label_1", "label_2") if architecture in ("bert", "roberta") else ()
    bundle = open_model(str(base), labels=labels, dtype=torch.float32)
    tuner = tuners.get("ia3")(tuners.get("ia3").Config())
    tuner.apply(bundle, seed=0)
    draws = torch.Generator().manual_seed(1)
    for parameter in bundle.model.parameters():
        if parameter.requires_grad:
            parameter.data += 0.2 * torch.randn(parameter.shape, generator=draws)
    folder = tmp_path / "adapter"
    manifest = run_export(
        bundle, tuner, format="adapter", folder=folder, prompts=PROMPTS, source_folder=base
    )
    assert "peft" in manifest["parity"]["opened_by"]
    again = open_model(str(base), labels=labels, dtype=torch.float32)
    second = tuners.get("ia3")(tuner.config)
    second.apply(again, seed=7)
    load(folder, again, second)
    ours, theirs = tuner.state(bundle.model), second.state(again.model)
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
