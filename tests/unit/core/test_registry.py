"""The folder is the registry."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from luthier.core.errors import RecipeError
from luthier.core.registry import Registry

PART = """
from shop import parts
@parts.add
class Wheel:
    '''Turns.'''
"""
INIT = """
from luthier.core.registry import Registry
parts = Registry("shop", word="part")
"""


@pytest.fixture
def parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry[type]:
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "__init__.py").write_text(INIT)
    (folder / "big_wheel.py").write_text(PART)
    (folder / "_private.py").write_text("raise RuntimeError")
    (folder / "contract.py").write_text("raise RuntimeError")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield __import__("shop").parts
    for name in [name for name in sys.modules if name.split(".")[0] == "shop"]:
        del sys.modules[name]


def test_names_are_the_public_files_and_nothing_is_imported(parts: Registry[type]) -> None:
    assert parts.names() == ["big_wheel"]
    assert "shop.big_wheel" not in sys.modules


def test_dashes_and_underscores_are_the_same(parts: Registry[type]) -> None:
    assert parts.get("big-wheel") is parts.get("big_wheel")
    assert parts.get("big_wheel").__name__ == "Wheel"


def test_an_unknown_name_is_refused_with_the_nearest(parts: Registry[type]) -> None:
    with pytest.raises(RecipeError, match=r"part 'big_weel': unknown; did you mean 'big_wheel'\?"):
        parts.get("big_weel")


def test_items_hold_every_component(parts: Registry[type]) -> None:
    assert [name for name, _ in parts.items()] == ["big_wheel"]
