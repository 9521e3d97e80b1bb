"""Python code that ships with a model is never run, whoever says yes."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
import torch
from tests import tiny

from luthier.cli.main import run
from luthier.core.errors import ModelError
from luthier.models.blueprint import blueprint
from luthier.models.codec import open_codec
from luthier.models.load import open_model

_MAP = {
    "AutoConfig": "own.OwnConfig",
    "AutoModelForCausalLM": "own.OwnModel",
    "AutoTokenizer": ["own.OwnTokenizer", None],
}


@pytest.fixture(autouse=True)
def _says_yes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody who answers every question with yes."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LUTHIER_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n" * 20))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model with a Python file that leaves a mark when it runs."""
    found = tiny.folder(tmp_path / "model")
    code = f"open({str(tmp_path / 'mark')!r}, 'w').close()\nclass OwnTokenizer: pass\n"
    (found / "own.py").write_text(code)
    return found


def ask_for_code(path: Path) -> None:
    document = json.loads(path.read_text()) if path.is_file() else {}
    # an unknown class, so that transformers has nothing of its own to open instead
    path.write_text(json.dumps(document | {"auto_map": _MAP, "tokenizer_class": "OwnTokenizer"}))


@pytest.mark.parametrize(
    "name",
    [
        "config.json",
        "tokenizer_config.json",
        "special_tokens_map.json",
        "generation_config.json",
        "processor_config.json",
        "config.4.0.0.json",
    ],
)
def test_any_settings_file_that_asks_for_code_is_refused(
    name: str, folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    ask_for_code(folder / name)
    row = {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}
    (tmp_path / "rows.jsonl").write_text(f"{json.dumps(row)}\n" * 20)
    for words in (["plan", "rows.jsonl", "--model", "model"], ["models", "fetch", "model"]):
        assert run(words) == 2
        said = capfd.readouterr()
        assert f"{name}: 'auto_map' asks for Python code shipped with the model" in said.err
        assert "trust_remote_code" not in said.err
        assert "[y/N]" not in said.out
    assert not (tmp_path / "mark").exists()


def test_no_code_runs_where_a_folder_was_not_checked(folder: Path, tmp_path: Path) -> None:
    ask_for_code(folder / "tokenizer_config.json")
    with pytest.raises(ModelError, match="its tokenizer cannot be read"):
        open_codec(folder)
    document = json.loads((folder / "config.json").read_text())
    document |= {"auto_map": _MAP, "model_type": "own"}
    (folder / "config.json").write_text(json.dumps(document))
    with pytest.raises(ModelError, match="makes no model"):
        blueprint(folder)
    assert not (tmp_path / "mark").exists()


def test_a_folder_with_code_that_nothing_asks_for_opens(folder: Path, tmp_path: Path) -> None:
    assert open_model(str(folder), dtype=torch.float32).kind == "causal_lm"
    assert not (tmp_path / "mark").exists()
