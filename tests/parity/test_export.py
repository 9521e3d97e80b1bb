"""Exports on tiny models: what is written, what is refused, and that failures leave nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from peft import AutoPeftModelForCausalLM
from safetensors.torch import load_file, save_file
from tests import tiny
from torch.testing import assert_close

from luthier.core.errors import ParityError, RecipeError, RunError
from luthier.export import run_export
from luthier.export._manifest import verify
from luthier.export.adapter import load
from luthier.models.bundle import Bundle
from luthier.models.load import open_model
from luthier.models.low_rank import LowRankLinear
from luthier.tuners import tuners

PROMPTS = [np.arange(5, 45, dtype=np.int32), np.arange(60, 90, dtype=np.int32)]


def opened(folder: Path, *, labels: tuple[str, ...] = (), dtype: Any = torch.float32) -> Bundle:
    return open_model(str(folder), labels=labels, dtype=dtype, trained_weights=False)


def tuned(bundle: Bundle, name: str = "lora", *, scale: float = 0.05) -> Any:
    """The tuner, applied, with its trained parts moved away from where they started."""
    kind = tuners.get(name)
    tuner = kind(kind.Config(rank=4) if name == "lora" else kind.Config())
    tuner.apply(bundle, seed=0)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in bundle.model.parameters():
            if parameter.requires_grad:
                parameter += scale * torch.randn(parameter.shape, generator=generator)
    return tuner


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return tiny.folder(tmp_path / "base")


def export(bundle: Bundle, tuner: Any, format: str, folder: Path, base: Path) -> dict[str, Any]:
    return run_export(
        bundle, tuner, format=format, folder=folder, prompts=PROMPTS, source_folder=base
    )


def test_an_adapter_is_written_with_a_manifest_that_proves_it(base: Path, tmp_path: Path) -> None:
    bundle = opened(base)
    tuner = tuned(bundle)
    manifest = export(bundle, tuner, "adapter", tmp_path / "adapter", base)
    assert {"adapter_config.json", "adapter_model.safetensors"} <= set(manifest["files"])
    assert {"tokenizer.json", "chat_template.jinja", "generation_config.json"} <= set(
        manifest["files"]
    )
    assert verify(tmp_path / "adapter") == manifest
    assert manifest["parity"]["max_difference"] <= manifest["parity"]["tolerance"]
    assert "peft" in manifest["parity"]["opened_by"]
    assert manifest["parity"]["texts_parted_at_a_tie"] == 0


def test_an_adapter_is_loaded_back_exactly(base: Path, tmp_path: Path) -> None:
    bundle = opened(base)
    tuner = tuned(bundle)
    export(bundle, tuner, "adapter", tmp_path / "adapter", base)
    again = opened(base)
    second = tuners.get("lora")(tuner.config)
    second.apply(again, seed=7)
    load(tmp_path / "adapter", again, second)
    ours, theirs = tuner.state(bundle.model), second.state(again.model)
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_a_changed_file_is_not_loaded(base: Path, tmp_path: Path) -> None:
    bundle = opened(base)
    tuner = tuned(bundle)
    export(bundle, tuner, "adapter", tmp_path / "adapter", base)
    weights = tmp_path / "adapter" / "adapter_model.safetensors"
    save_file({name: tensor + 1 for name, tensor in load_file(weights).items()}, weights)
    with pytest.raises(RunError, match=r"adapter_model\.safetensors: changed"):
        load(tmp_path / "adapter", bundle, tuner)


def test_a_merged_model_is_plain_transformers_and_leaves_the_bundle_alone(
    base: Path, tmp_path: Path
) -> None:
    bundle = opened(base)
    tuner = tuned(bundle)
    before = {name: tensor.clone() for name, tensor in bundle.model.state_dict().items()}
    export(bundle, tuner, "safetensors", tmp_path / "model", base)
    after = bundle.model.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    names = set(load_file(tmp_path / "model" / "model.safetensors"))
    assert not [name for name in names if "lora" in name or ".base." in name]
    assert "lm_head.weight" not in names  # tied to the embeddings, stored once
    written = {path.name for path in (tmp_path / "model").iterdir()}
    assert {"config.json", "generation_config.json", "tokenizer.json"} <= written
    assert "chat_template.jinja" in written


def test_a_bfloat16_base_gives_a_bfloat16_model(base: Path, tmp_path: Path) -> None:
    opened(base).model.to(torch.bfloat16).save_pretrained(tmp_path / "half")
    opened(base).codec.tokenizer.save_pretrained(tmp_path / "half")
    bundle = opened(tmp_path / "half", dtype=torch.bfloat16)
    tuner = tuned(bundle)
    manifest = export(bundle, tuner, "safetensors", tmp_path / "model", tmp_path / "half")
    tensors = load_file(tmp_path / "model" / "model.safetensors")
    assert {tensor.dtype for tensor in tensors.values()} == {torch.bfloat16}
    assert manifest["parity"]["max_difference"] > 0


def test_training_finer_than_bfloat16_survives_merging(base: Path, tmp_path: Path) -> None:
    opened(base).model.to(torch.bfloat16).save_pretrained(tmp_path / "half")
    opened(base).codec.tokenizer.save_pretrained(tmp_path / "half")
    bundle = opened(tmp_path / "half", dtype=torch.bfloat16)
    tuner = tuned(bundle, scale=1e-4)  # most of what it adds is below half a step
    export(bundle, tuner, "safetensors", tmp_path / "model", tmp_path / "half")
    merged = load_file(tmp_path / "model" / "model.safetensors")
    layers = {
        name: layer
        for name, layer in bundle.model.named_modules()
        if isinstance(layer, LowRankLinear)
    }
    wanted = torch.cat([layer.delta().detach().flatten() for layer in layers.values()])
    came = torch.cat(
        [
            (merged[f"{name}.weight"].float() - layer.base.weight.float()).flatten()
            for name, layer in layers.items()
        ]
    )
    kept = float((came * wanted).sum() / wanted.square().sum())
    error = float((came - wanted).std() / (wanted.square().sum()).sqrt())
    assert abs(kept - 1) < 4 * error < 0.5  # four standard errors


@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")  # inside PEFT
def test_the_base_of_an_adapter_can_be_opened_from_what_it_says(base: Path, tmp_path: Path) -> None:
    bundle = opened(base)
    tuner = tuned(bundle)
    export(bundle, tuner, "adapter", tmp_path / "adapter", base)
    model = AutoPeftModelForCausalLM.from_pretrained(tmp_path / "adapter")
    ids = torch.arange(5, 25)[None]
    with torch.no_grad():
        ours, theirs = bundle.model(input_ids=ids).logits, model(input_ids=ids).logits
    assert_close(theirs, ours, rtol=1e-4, atol=1e-5)


def test_a_merge_that_changes_nothing_is_an_error_and_leaves_no_files(
    base: Path, tmp_path: Path
) -> None:
    bundle = opened(base)
    tuner = tuned(bundle, scale=0.0)
    with pytest.raises(ParityError, match="bit for bit"):
        export(bundle, tuner, "safetensors", tmp_path / "out" / "model", base)
    assert list((tmp_path / "out").iterdir()) == []


def test_full_tuning_exports_a_model_but_no_adapter(base: Path, tmp_path: Path) -> None:
    bundle = opened(base)
    tuner = tuned(bundle, "full", scale=0.01)
    export(bundle, tuner, "safetensors", tmp_path / "model", base)
    with pytest.raises(RecipeError, match="Export it as safetensors"):
        export(bundle, tuner, "adapter", tmp_path / "adapter", base)
    assert not (tmp_path / "adapter").exists()


def test_an_artefact_that_answers_otherwise_is_removed(base: Path, tmp_path: Path) -> None:
    bundle = opened(base)
    tuner = tuned(bundle)
    other = tiny.folder(tmp_path / "other", architecture="llama")
    changed = load_file(other / "model.safetensors")
    changed["model.norm.weight"] *= 1.5
    save_file(changed, other / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ParityError, match="not the trained one"):
        export(bundle, tuner, "adapter", tmp_path / "out" / "adapter", other)
    assert list((tmp_path / "out").iterdir()) == []


def test_files_that_do_not_open_are_removed_with_the_reason(base: Path, tmp_path: Path) -> None:
    bundle = opened(base)
    tuner = tuned(bundle)
    (base / "config.json").write_text(json.dumps({"model_type": "no_such_model"}))
    with pytest.raises(ParityError, match="no_such_model"):
        export(bundle, tuner, "adapter", tmp_path / "out" / "adapter", base)
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("architecture", ["bert", "llama"])
@pytest.mark.parametrize("format", ["adapter", "safetensors"])
def test_a_classifier_exports_with_its_head_and_labels(
    architecture: Any, format: str, tmp_path: Path
) -> None:
    base = tiny.folder(tmp_path / "base", architecture=architecture)
    bundle = opened(base, labels=("red", "green", "blue", "grey"))
    tuner = tuned(bundle)
    manifest = export(bundle, tuner, format, tmp_path / "out", base)
    assert manifest["labels"] == ["red", "green", "blue", "grey"]
    if format == "safetensors":
        config = json.loads((tmp_path / "out" / "config.json").read_text())
        assert list(config["id2label"].values()) == manifest["labels"]
    else:
        again = opened(base, labels=("red", "green", "blue", "grey"))
        second = tuners.get("lora")(tuner.config)
        second.apply(again, seed=3)
        load(tmp_path / "out", again, second)
        ours, theirs = tuner.state(bundle.model), second.state(again.model)
        assert all(torch.equal(ours[name], theirs[name]) for name in ours)
