"""What readers trust, what they refuse, and what they say."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tests.contracts.cases import case

from luthier.core.errors import RunError
from luthier.core.events import Notice, Updated
from luthier.engine import checkpoint
from luthier.engine._tensorfile import write_tensors
from luthier.engine.fit import fit

IDENTITY = {"data": "d" * 64, "model": "m" * 64, "recipe": "r" * 64}


def test_files_are_read_back_by_the_safetensors_library(tmp_path: Path) -> None:
    tensors = {
        "a": torch.randn(3, 5),
        "b": torch.randn(4).bfloat16(),
        "c": torch.tensor(7.0),
        "d": torch.zeros(0, 3),
        "e": torch.arange(6).reshape(2, 3).t(),
    }
    digest, size = write_tensors(tmp_path / "x.safetensors", tensors)
    found = load_file(tmp_path / "x.safetensors")
    assert found.keys() == tensors.keys()
    assert all(torch.equal(found[name], tensors[name]) for name in tensors)
    assert checkpoint._entry(tmp_path / "x.safetensors") == {"sha256": digest, "bytes": size}


@pytest.mark.parametrize("name", ["weights.safetensors", "state.json", "manifest.json"])
@pytest.mark.parametrize("damage", ["flip", "cut", "gone"])
def test_a_damaged_checkpoint_is_said_and_the_one_before_is_used(
    name: str, damage: str, tmp_path: Path
) -> None:
    whole = case("lora", "sft").fit(tmp_path, save_every=2)
    path = tmp_path / "checkpoints" / "step-000006" / name
    content = bytearray(path.read_bytes())
    if damage == "gone":
        path.unlink()
    else:
        content[len(content) // 2] ^= 1
        path.write_bytes(bytes(content if damage == "flip" else content[:-3]))
    again = case("lora", "sft").fit(tmp_path, save_every=2)
    notice = again[0]
    assert isinstance(notice, Notice)
    assert notice.level == "warning"
    assert "checkpoint step-000006" in notice.text
    assert "continuing from step-000004" in notice.text
    losses = {event.step: event.loss for event in whole if isinstance(event, Updated)}
    repeated = {event.step: event.loss for event in again if isinstance(event, Updated)}
    assert repeated == {5: losses[5], 6: losses[6]}


@pytest.mark.parametrize("key", IDENTITY)
def test_what_changed_is_named_and_refused_unless_allowed(key: str, tmp_path: Path) -> None:
    list(fit(case("lora", "sft").job(tmp_path, max_steps=2, identity=IDENTITY)))
    changed = {**IDENTITY, key: "x" * 64}
    with pytest.raises(RunError, match=f"{key} changed since the run") as raised:
        list(fit(case("lora", "sft").job(tmp_path, max_steps=2, identity=changed)))
    assert "xxxxxxxxxxxx now" in str(raised.value)
    assert f"allow=[changed_{key}]" in str(raised.value)
    allowed = case("lora", "sft").job(
        tmp_path, max_steps=3, identity=changed, allow=[f"changed_{key}"]
    )
    events = list(fit(allowed))
    assert [event.step for event in events if isinstance(event, Updated)] == [3]


def test_nothing_to_load_is_an_error_with_the_next_action(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no checkpoint to load"):
        checkpoint.load_best(case("lora", "sft").job(tmp_path))


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").write_text("a file, not a folder")
    with pytest.raises(RunError, match="could not be written"):
        case("lora", "sft").fit(tmp_path)


def damaged(folder: Path, damage: str) -> None:
    """Change a byte of the weights, or remove them all."""
    if damage == "gone":
        checkpoint.remove(folder)
        return
    content = bytearray((folder / "weights.safetensors").read_bytes())
    content[-1] ^= 1
    (folder / "weights.safetensors").write_bytes(content)


@pytest.mark.parametrize("damage", ["flip", "gone"])
@pytest.mark.parametrize("instead", ["best-000002", "step-000005"])
def test_damaged_best_weights_are_said_and_others_are_used(
    damage: str, instead: str, tmp_path: Path
) -> None:
    """A run that stands at step 5, its best weights being those of step 4."""
    settings = {"save_every": 1, "keep_checkpoints": 9, "evaluate_every": 2}
    job = case("lora", "sft").job(tmp_path, **settings, learning_rate=1e-3)
    list(fit(job))
    for name in ("best-000006", "step-000006"):
        checkpoint.remove(job.checkpoints / name)
    loaded, warnings = checkpoint.load_best(job)
    assert (loaded.folder.name, warnings) == ("best-000004", [])
    damaged(job.checkpoints / "best-000004", damage)
    if instead == "step-000005":
        checkpoint.remove(job.checkpoints / "best-000002")
    loaded, (warning,) = checkpoint.load_best(job)
    assert loaded.folder.name == instead
    assert "best validation loss (step 4) cannot be used" in warning
    assert f"Those of {instead} are used instead" in warning


@pytest.mark.parametrize("damage", ["flip", "gone"])
def test_best_weights_that_the_last_step_holds_too_are_taken_from_it(
    damage: str, tmp_path: Path
) -> None:
    found = case("lora", "sft")
    job = found.job(tmp_path, evaluate_every=2, save_every=2, learning_rate=1e-3)
    list(fit(job))
    expected = found.parameters()
    damaged(job.checkpoints / "best-000006", damage)
    loaded, warnings = checkpoint.load_best(job)
    assert (loaded.folder.name, warnings) == ("step-000006", [])
    assert all(torch.equal(p, expected[name]) for name, p in found.parameters().items())


def test_without_a_validation_the_latest_weights_are_the_best(tmp_path: Path) -> None:
    job = case("lora", "sft").job(tmp_path, validation=[])
    list(fit(job))
    loaded, warnings = checkpoint.load_best(job)
    assert (loaded.step, warnings) == (6, [])
