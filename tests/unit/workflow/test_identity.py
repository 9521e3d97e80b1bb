"""Model and tokenizer have a hash each, and a file counts for one of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tests import tiny

from luthier.models.sources import fetch
from luthier.workflow.identity import TEMPLATES, model_hashes


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LUTHIER_CACHE", str(tmp_path / "cache"))
    return tiny.folder(tmp_path / "model")


def edit_json(name: str) -> Callable[[Path], object]:
    def edit(folder: Path) -> None:
        path = folder / name
        path.write_text(json.dumps({**json.loads(path.read_text()), "added": 1}))

    return edit


def edit_template(folder: Path) -> None:
    path = folder / "chat_template.jinja"
    path.write_text(path.read_text() + " ")


def add_template(folder: Path) -> None:
    (folder / TEMPLATES).mkdir()
    (folder / TEMPLATES / "tool_use.jinja").write_text("{{ messages }}")


def edit_weights(folder: Path) -> None:
    model = tiny.causal_lm(seed=1)
    model.save_pretrained(folder)


CHANGES = {
    "tokenizer.json": (edit_json("tokenizer.json"), "tokenizer"),
    "tokenizer_config.json": (edit_json("tokenizer_config.json"), "tokenizer"),
    "chat_template.jinja": (edit_template, "tokenizer"),
    "a further template": (add_template, "tokenizer"),
    "config.json": (edit_json("config.json"), "model"),
    "generation_config.json": (edit_json("generation_config.json"), "model"),
    "weights": (edit_weights, "model"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_an_edited_file_changes_the_hash_of_its_part_alone(name: str, folder: Path) -> None:
    edit, part = CHANGES[name]
    before = model_hashes(fetch(str(folder)))
    edit(folder)
    after = model_hashes(fetch(str(folder)))
    assert {key for key in before if before[key] != after[key]} == {part}


def test_hashes_do_not_depend_on_the_place(folder: Path, tmp_path: Path) -> None:
    other = tiny.folder(tmp_path / "elsewhere")
    assert model_hashes(fetch(str(folder))) == model_hashes(fetch(str(other)))


def test_an_earlier_run_has_one_hash_over_both(folder: Path) -> None:
    source = fetch(str(folder))
    assert model_hashes(source, as_one=True) == {"model": source.sha256}
