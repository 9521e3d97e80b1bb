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
