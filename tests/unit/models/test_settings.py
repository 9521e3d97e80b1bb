"""Wrong values in the settings of a model are one message; scarce memory is not called damage."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from tests import tiny

from luthier.cli.main import run
from luthier.core.errors import Interrupted, ModelError
from luthier.models import codec, kinds, reading
from luthier.models.blueprint import blueprint
from luthier.models.codec import open_codec
from luthier.models.load import open_model
from luthier.models.trunks.general import GeneralTrunk


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LUTHIER_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tiny.folder(tmp_path / "model")


def change(path: Path, **values: object) -> None:
    document = json.loads(path.read_text()) if path.is_file() else {}
    path.write_text(json.dumps(document | values))


@pytest.mark.parametrize("value", [0, -1, "two", 1.5, True])
@pytest.mark.parametrize("name", ["num_hidden_layers", "max_position_embeddings"])
def test_counts_are_whole_numbers_above_0(
    name: str, value: object, folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    change(folder / "config.json", **{name: value})
    assert run(["models", "fetch", str(folder)]) == 2
    assert f"{name}: got {json.dumps(value)}, expected a whole number" in capfd.readouterr().err


def test_a_wrong_count_in_the_text_part_of_a_config_is_refused(folder: Path) -> None:
    path = folder / "config.json"
    document = json.loads(path.read_text())
    path.write_text(json.dumps(document | {"text_config": {"max_position_embeddings": 0}}))
    with pytest.raises(ModelError, match="max_position_embeddings: got 0"):
        open_model(str(folder), dtype=torch.float32)


@pytest.mark.parametrize("value", ["abc", [2, None], 99999, [2, 99999], -1, True, [[2]], {"a": 1}])
def test_stops_that_are_no_tokens_are_refused(value: object, folder: Path) -> None:
    change(folder / "generation_config.json", eos_token_id=value)
    with pytest.raises(ModelError) as caught:
        open_codec(folder)
    said = str(caught.value)
    assert (
        f"generation_config.json: eos_token_id: got {json.dumps(value)}, expected the ids" in said
    )
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("value", "stops"), [(None, {2}), ([], {2}), (0, {0, 2}), ([0, 1], {0, 1, 2})]
)
def test_stops_are_added_to_those_of_template_and_tokenizer(
    value: object, stops: set[int], folder: Path
) -> None:
    change(folder / "generation_config.json", eos_token_id=value)
    assert open_codec(folder).end_of_turn_ids == stops


# --- memory ------------------------------------------------------------------------------------

SCARCE = [
    MemoryError(),
    torch.OutOfMemoryError("CUDA out of memory"),
    RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
]


@pytest.mark.parametrize("error", SCARCE, ids=["python", "accelerator", "torch"])
@pytest.mark.parametrize(
    ("module", "name"),
    [
        (codec, "AutoTokenizer"),
        (kinds, "AutoModelForCausalLM"),
        (reading, "AutoConfig"),
    ],
    ids=["tokenizer", "weights", "config"],
)
def test_scarce_memory_is_not_called_damage(
    module: Any, name: str, error: Exception, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(getattr(module, name), "from_pretrained", fail)
    with pytest.raises(ModelError, match="not enough memory to open it"):
        open_model(str(folder), dtype=torch.float32)


def test_other_failures_are_told_with_the_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("by zero\nand more")

    monkeypatch.setattr(reading.AutoConfig, "from_pretrained", fail)
    with pytest.raises(ModelError) as caught:
        blueprint(folder)
    assert str(caught.value) == (
        f"{folder / 'config.json'}: makes no model (ZeroDivisionError: by zero)"
    )


def test_ctrl_c_while_reading_is_not_a_damaged_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise Interrupted("stopped")

    monkeypatch.setattr(codec.AutoTokenizer, "from_pretrained", stop)
    with pytest.raises(Interrupted):
        open_codec(folder)


@pytest.mark.parametrize("error", SCARCE, ids=["python", "accelerator", "torch"])
def test_scarce_memory_does_not_make_an_architecture_padded(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(GeneralTrunk, "_packed", fail)
    with pytest.raises(type(error)):
        GeneralTrunk(tiny.causal_lm(), "causal_lm", compute_dtype=torch.float32)
