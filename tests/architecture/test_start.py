"""Starting is free: what the command line and the package load before anything was asked."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

_HEAVY = ("torch", "transformers", "numpy", "pydantic", "rich", "typer", "yaml", "sklearn", "scipy")


def _loaded(code: str) -> set[str]:
    """Top-level modules that are imported after `code` ran in a fresh interpreter."""
    program = f"{code}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return {name.split(".")[0] for name in json.loads(done.stderr.splitlines()[-1])}


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["trian"], []])
def test_help_loads_nothing_heavy(words: list[str]) -> None:
    loaded = _loaded(f"from luthier.cli.main import run\nrun({words!r})")
    assert not loaded & set(_HEAVY)


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert not _loaded("import luthier") & set(_HEAVY)


def test_help_of_a_command_does_not_load_torch() -> None:
    loaded = _loaded("from luthier.cli.main import run\nrun(['train', '--help'])")
    assert not loaded & {"torch", "transformers"}


def test_a_bad_recipe_is_refused_before_torch_is_loaded() -> None:
    words = ["train", "model=smollm2-135m", "training.epochs=0", "data.train=x.jsonl"]
    loaded = _loaded(f"from luthier.cli.main import run\nassert run({words!r}) == 2")
    assert not loaded & {"torch", "transformers"}
