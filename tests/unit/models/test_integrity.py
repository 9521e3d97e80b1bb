"""Damaged weights are refused by file and tensor, wherever somebody recorded what they were."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tests import tiny
from torch import Tensor

from luthier.core import cache
from luthier.core.errors import ModelError
from luthier.models import hub, sources
from luthier.models.load import LARGEST, open_model


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LUTHIER_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tiny.folder(tmp_path / "model")


@pytest.fixture
def snapshot(folder: Path, tmp_path: Path) -> Path:
    """The model as the hub's cache keeps it: blobs by hash, links by name."""
    repository = tmp_path / "hub" / "models--some--model"
    found = repository / "snapshots" / "0123abcd"
    (repository / "blobs").mkdir(parents=True)
    found.mkdir(parents=True)
    for path in folder.iterdir():
        is_large = path.suffix == ".safetensors"
        blob = repository / "blobs" / (cache.sha256(path) if is_large else f"{path.stem:f<40}")
        shutil.copy(path, blob)
        (found / path.name).symlink_to(blob)
    return found


def flip_last_bit(path: Path) -> None:
    """A weight changes by a rounding error: no value tells."""
    content = bytearray(path.read_bytes())
    content[-4] ^= 1
    path.write_bytes(content)


def refusal(reference: object) -> str:
    with pytest.raises(ModelError) as caught:
        open_model(str(reference), dtype=torch.float32)
    return str(caught.value)


def test_a_folder_without_any_record_opens(folder: Path) -> None:
    flip_last_bit(folder / "model.safetensors")
    assert open_model(str(folder), dtype=torch.float32).kind == "causal_lm"


def test_one_flipped_bit_of_an_export_is_refused_by_name(folder: Path) -> None:
    cache.seal(folder)  # as exports are
    assert sources.fetch(str(folder)).folder == folder
    flip_last_bit(folder / "model.safetensors")
    said = refusal(folder)
    assert f"{folder / 'model.safetensors'}: its SHA-256 is not the one that was recorded" in said
    assert "Copy or export the model again" in said


def test_a_file_that_an_export_lost_is_named(folder: Path) -> None:
    cache.seal(folder)
    (folder / "generation_config.json").unlink()
    assert f"{folder / 'generation_config.json'}: missing" in refusal(folder)


def test_a_change_of_ones_own_is_allowed_by_deleting_the_manifest(folder: Path) -> None:
    cache.seal(folder)
    template = folder / "chat_template.jinja"
    template.write_text(template.read_text() + "{# mine #}")
    assert f"if the change is yours, delete {folder / cache.MANIFEST}" in refusal(folder)
    (folder / cache.MANIFEST).unlink()
    assert open_model(str(folder), dtype=torch.float32).codec.has_template


def test_a_manifest_that_cannot_be_read_is_damage(folder: Path) -> None:
    (folder / cache.MANIFEST).write_text('{"files": {')
    assert "manifest.json: missing or unreadable" in refusal(folder)


@pytest.mark.parametrize("content", ["[1]", '{"files": ["a"]}', '{"files": {"a": 1}}', "{}"])
def test_the_manifest_of_another_tool_says_nothing(folder: Path, content: str) -> None:
    (folder / cache.MANIFEST).write_text(content)
    assert sources.fetch(str(folder)).folder == folder


def test_a_folder_of_the_hubs_cache_is_compared_with_the_names_of_its_blobs(
    snapshot: Path,
) -> None:
    assert sources.fetch(str(snapshot)).folder == snapshot
    blob = (snapshot / "model.safetensors").resolve()
    flip_last_bit(blob)
    said = refusal(snapshot)
    assert f"{snapshot / 'model.safetensors'}: its SHA-256 is not the hub's. Delete {blob}" in said


def test_a_damaged_copy_of_the_hub_is_called_damaged_and_not_missing(
    snapshot: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.snapshot_download", lambda **_: str(snapshot))
    assert hub.fetch("some/model") == snapshot
    flip_last_bit((snapshot / "model.safetensors").resolve())
    assert "its SHA-256 is not the hub's" in refusal("some/model")


def test_a_copy_with_the_same_time_and_size_is_hashed_anew(folder: Path, tmp_path: Path) -> None:
    path, other = folder / "model.safetensors", tmp_path / "other.safetensors"
    shutil.copy2(path, other)
    flip_last_bit(other)
    stat = path.stat()
    os.utime(other, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    cache.seal(folder)
    assert cache.damage(folder) == ""
    shutil.copy2(other, path)
    assert path.stat().st_mtime_ns == stat.st_mtime_ns
    assert "model.safetensors" in cache.damage(folder)


def spoil(folder: Path, name: str, value: float) -> None:
    """Put `value` into a tensor, as a flipped bit of an exponent does."""
    tensors: dict[str, Tensor] = load_file(folder / "model.safetensors")
    tensors[name].view(-1)[3] = value
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})


@pytest.mark.parametrize("value", [2 * LARGEST, -2 * LARGEST, 3.0e38, float("-inf"), float("nan")])
def test_an_absurd_weight_is_named_with_its_file(folder: Path, value: float) -> None:
    name = "model.layers.1.mlp.up_proj.weight"
    spoil(folder, name, value)
    said = refusal(folder)
    assert said.startswith(f"{folder / 'model.safetensors'}: weight '{name}' holds ")
    assert "Traceback" not in said


def test_a_large_scale_of_a_norm_is_no_damage(folder: Path) -> None:
    spoil(folder, "model.norm.weight", 2 * LARGEST)
    assert open_model(str(folder), dtype=torch.float32).kind == "causal_lm"


def test_the_top_bit_of_an_exponent_is_always_seen(folder: Path) -> None:
    name = "model.layers.0.self_attn.q_proj.weight"
    whole = load_file(folder / "model.safetensors")[name].view(-1)
    flipped = (whole.view(torch.int32) ^ (1 << 30)).view(torch.float32).abs()
    assert bool(((flipped > LARGEST) | ~torch.isfinite(flipped)).all())


def test_of_several_files_the_damaged_one_is_named(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    bad = "model.layers.1.mlp.up_proj.weight"
    tensors[bad][0, 0] = 1e30
    parts = {"a.safetensors": {k: v for k, v in tensors.items() if k != bad}}
    parts["b.safetensors"] = {bad: tensors[bad]}
    for name, content in parts.items():
        save_file(content, folder / name, {"format": "pt"})
    places = {key: name for name, content in parts.items() for key in content}
    index = {"metadata": {"total_size": 1}, "weight_map": places}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    (folder / "model.safetensors").unlink()
    assert refusal(folder).startswith(f"{folder / 'b.safetensors'}: weight '{bad}' holds 1e+30")
