"""Trained tensors of the base under their names: what is tied in training is tied in the files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tests import tiny
from torch import nn
from transformers import AutoModelForCausalLM

from luthier.export import run_export
from luthier.models.bundle import Bundle
from luthier.models.load import open_model
from luthier.tuners import attach, tuners

IDS = torch.arange(5, 45)[None]


def exported(base: Path, folder: Path, *, tuner: str, **settings: Any) -> Bundle:
    """A model whose trained tensors have moved, through the gate into `folder`."""
    kind = tuners.get(tuner)
    built = kind(kind.Config(**settings))
    bundle = attach(built, open_model(str(base), dtype=torch.float32), seed=0, frozen=torch.float32)
    tiny.disturb(bundle.model)
    prompts = [np.arange(5, 45, dtype=np.int32)]
    run_export(bundle, built, format="changed", folder=folder, prompts=prompts, source_folder=base)
    return bundle


def assigned(base: Path, folder: Path, *, unties: bool) -> Any:
    """The base with the tensors in place, as docs/layers.md says."""
    model: Any = AutoModelForCausalLM.from_pretrained(base)
    if unties:
        model.lm_head.weight = nn.Parameter(model.lm_head.weight.detach().clone())
    model.load_state_dict(load_file(folder / "changed.safetensors"), strict=False)
    return model.eval()


@pytest.mark.parametrize(
    ("tuner", "settings", "name", "shared"),
    [
        (
            "last_layers",
            {"num_layers": 0, "modules": ["embed_tokens"]},
            "model.embed_tokens.weight",
            ["lm_head.weight"],
        ),
        ("head", {}, "lm_head.weight", None),
    ],
)
@torch.no_grad()
def test_one_matrix_is_one_again_and_two_are_two(
    tuner: str, settings: Any, name: str, shared: list[str] | None, tmp_path: Path
) -> None:
    base, folder = tiny.folder(tmp_path / "base"), tmp_path / "adapter"
    bundle = exported(base, folder, tuner=tuner, **settings)
    assert list(load_file(folder / "changed.safetensors")) == [name]
    said = json.loads((folder / "changed.json").read_text())["shared"]
    assert said == ({name: shared} if shared else {})
    model = assigned(base, folder, unties=shared is None)
    assert torch.equal(model(input_ids=IDS).logits, bundle.model.eval()(input_ids=IDS).logits)
