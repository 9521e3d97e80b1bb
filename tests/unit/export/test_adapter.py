"""The adapter's files mean what PEFT takes them to mean."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import peft
import pytest
import torch
from tests import tiny
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification

from luthier.core.errors import RunError
from luthier.export.adapter import Adapter, load
from luthier.models.bundle import Bundle
from luthier.models.load import open_model
from luthier.tuners import tuners

PROMPT = torch.arange(5, 25).unsqueeze(0)
LABELS = ("red", "green", "blue", "grey")


def adapted(base: Path, folder: Path, *, labels: tuple[str, ...] = (), **settings: Any) -> Bundle:
    """A bundle whose adapters are not zero, written to `folder`."""
    bundle = open_model(str(base), labels=labels, dtype=torch.float32)
    kind = tuners.get("lora")
    tuner = kind(kind.Config(rank=4, **settings))
    tuner.apply(bundle, seed=0)
    with torch.no_grad():
        for parameter in bundle.model.parameters():
            if parameter.requires_grad:
                parameter += 0.05
    folder.mkdir()
    Adapter().write(bundle, tuner, folder, source_folder=base)
    return bundle


def config(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "adapter_config.json").read_text())


@torch.no_grad()
def logits(model: Any) -> torch.Tensor:
    return model.eval()(input_ids=PROMPT).logits


@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")  # inside PEFT
@pytest.mark.parametrize("architecture", ["llama", "bert"])
def test_peft_gives_the_trained_logits(architecture: Any, tmp_path: Path) -> None:
    labels = LABELS if architecture == "bert" else ()
    base = tiny.folder(tmp_path / "base", architecture=architecture)
    expected = logits(adapted(base, tmp_path / "adapter", labels=labels).model)
    factory = AutoModelForSequenceClassification if labels else AutoModelForCausalLM
    sizes: dict[str, Any] = {"num_labels": 4, "ignore_mismatched_sizes": True} if labels else {}
    model: Any = factory.from_pretrained(base, **sizes)
    model = peft.PeftModel.from_pretrained(model, str(tmp_path / "adapter"))
    # float32: the same sums in another order, over logits of size one
    torch.testing.assert_close(logits(model), expected, rtol=1e-4, atol=1e-5)


def test_targets_are_last_parts_of_names_where_these_are_unambiguous(tmp_path: Path) -> None:
    adapted(tiny.folder(tmp_path / "base"), tmp_path / "adapter")
    assert "q_proj" in config(tmp_path / "adapter")["target_modules"]


def test_targets_are_full_names_where_last_parts_mean_other_layers_too(tmp_path: Path) -> None:
    base = tiny.folder(tmp_path / "base")
    adapted(base, tmp_path / "adapter", target="layers.0.self_attn.q_proj")
    assert config(tmp_path / "adapter")["target_modules"] == ["model.layers.0.self_attn.q_proj"]


def test_an_adapter_of_another_scaling_is_not_loaded(tmp_path: Path) -> None:
    base = tiny.folder(tmp_path / "base")
    adapted(base, tmp_path / "adapter", alpha=4.0)
    files = {"files": {}}
    (tmp_path / "adapter" / "manifest.json").write_text(json.dumps(files))
    bundle = open_model(str(base), dtype=torch.float32)
    kind = tuners.get("lora")
    tuner = kind(kind.Config(rank=4, alpha=8.0))
    tuner.apply(bundle, seed=0)
    with pytest.raises(RunError, match=r"scaling of 1; tuner\.alpha / tuner\.rank gives 2"):
        load(tmp_path / "adapter", bundle, tuner)
