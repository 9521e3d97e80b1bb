"""What `norms` trained, in PEFT's layout: PEFT opens it and answers alike, and so do we."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import peft
import pytest
import torch
from tests import tiny

from luthier.export import run_export
from luthier.export.adapter import load
from luthier.models.load import open_model
from luthier.tuners import tuners

# PEFT reads a property that transformers renamed
pytestmark = [
    pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning"),
    pytest.mark.filterwarnings("ignore:Unsupported layer type:UserWarning"),  # RMSNorm, to PEFT
]

PROMPTS = [np.arange(5, 45, dtype=np.int32), np.arange(60, 90, dtype=np.int32)]
ARCHITECTURES: list[Any] = ["llama", "qwen3", "gemma2", "gpt2", "bert", "roberta"]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_files_are_opened_by_peft_and_by_us(architecture: Any, tmp_path: Path) -> None:
    """The gate opens them in another process and compares outputs with the tuned model's."""
    base = tiny.folder(tmp_path / "base", architecture=architecture)
    labels = ("label_0", "label_1", "label_2") if architecture in ("bert", "roberta") else ()
    bundle = open_model(str(base), labels=labels, dtype=torch.float32)
    kind = tuners.get("norms")
    tuner: Any = kind(kind.Config())
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
    second = kind(kind.Config())
    second.apply(again, seed=7)
    load(folder, again, second)
    ours, theirs = tuner.state(bundle.model), second.state(again.model)
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_names_are_those_that_peft_gives() -> None:
    model = tiny.causal_lm("llama")
    theirs = peft.get_peft_model(
        model,
        peft.LNTuningConfig(task_type="CAUSAL_LM", target_modules=["input_layernorm", "norm"]),
    )
    kind = tuners.get("norms")
    tuner: Any = kind(kind.Config())
    saved = tuner.peft(tuner.apply(tiny.bundle("llama"), seed=0))
    assert set(peft.get_peft_model_state_dict(theirs)) <= set(saved.tensors)
