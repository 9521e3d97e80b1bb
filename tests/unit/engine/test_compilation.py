"""Pieces are compiled where that pays, and never where it cannot work."""

from __future__ import annotations

import pytest

from luthier.engine import compilation

HOURS, MOMENT = 1e18, 1e9


def test_long_trainings_are_compiled_where_there_is_a_compiler(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(compilation, "hindrance", str)
    assert compilation.choose(HOURS, precision="bfloat16")[0] == "on"


def test_short_trainings_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compilation, "hindrance", str)
    assert compilation.choose(MOMENT, precision="bfloat16")[0] == "off"


def test_without_a_compiler_the_reason_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    chosen, why = compilation.choose(HOURS, precision="float32")
    assert chosen == "off"
    assert "g++" in why


def test_other_devices_are_left_alone() -> None:
    assert compilation.choose(HOURS, precision="bfloat16", device="cuda")[0] == "off"
