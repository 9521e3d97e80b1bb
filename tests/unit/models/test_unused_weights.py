"""Weights that the config has no place for: an error in the trunk, a note for another head."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tests import tiny
from torch import Tensor

from luthier.core.errors import ModelError
from luthier.models.load import open_model


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LUTHIER_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tiny.folder(tmp_path / "model")


def change(path: Path, **values: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def rewrite(folder: Path, weights: dict[str, Tensor]) -> None:
    save_file(weights, folder / "model.safetensors", {"format": "pt"})


@pytest.mark.parametrize("labels", [(), ("no", "yes")], ids=["writer", "classifier"])
@pytest.mark.parametrize("prefix", ["model.", ""], ids=["with prefix", "without"])
def test_layers_that_the_config_does_not_count_are_an_error(
    folder: Path, prefix: str, labels: tuple[str, ...]
) -> None:
    change(folder / "config.json", num_hidden_layers=1)
    weights = load_file(folder / "model.safetensors")
    rewrite(folder, {name.replace("model.", prefix, 1): w for name, w in weights.items()})
    with pytest.raises(ModelError) as caught:
        open_model(str(folder), labels=labels, dtype=torch.float32)
    said = str(caught.value)
    assert f"{folder}: config.json describes no place for 9 tensors of the weights" in said
    assert "layers.1." in said


def test_a_layer_of_an_encoder_is_an_error_too(tmp_path: Path) -> None:
    folder = tiny.folder(tmp_path / "encoder", architecture="bert")
    change(folder / "config.json", num_hidden_layers=1)
    with pytest.raises(ModelError, match="no place for 16 tensors"):
        open_model(str(folder), labels=("a", "b"), dtype=torch.float32)


@pytest.mark.parametrize("labels", [(), ("no", "yes")], ids=["writer", "classifier"])
def test_a_head_of_another_task_is_a_note(folder: Path, labels: tuple[str, ...]) -> None:
    weights = load_file(folder / "model.safetensors")
    rewrite(folder, weights | {"value_head.weight": torch.zeros(1, 32)})
    notes = open_model(str(folder), labels=labels, dtype=torch.float32).notes
    assert "weights in the files that are not used: value_head.weight" in notes


def test_what_an_architecture_is_known_to_drop_is_no_error(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    rewrite(folder, weights | {"model.layers.0.self_attn.rotary_emb.inv_freq": torch.ones(4)})
    assert open_model(str(folder), dtype=torch.float32).notes == []
