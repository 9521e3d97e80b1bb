"""What plan prints of a recipe can be copied into a recipe."""

from __future__ import annotations

from typing import Any

import pytest

from luthier.cli.commands.plan import facts, with_origins
from luthier.recipe import yaml_text
from luthier.recipe.load import read
from luthier.recipe.resolve import Settled


def parsed(text: str) -> Any:
    return yaml_text.parse(text, name="plan").value


def test_a_recipe_comes_back_as_it_was_resolved() -> None:
    request = {
        "model": "a: b # c",
        "data": {"train": ["x.jsonl", "y, z.csv"], "columns": {"text": "review"}},
        "tuner": {"name": "lora", "rank": 16, "target": ["*q_proj"]},
        "training": {"learning_rate": 2e-5},
        "evaluation": {"instruction": "Say it\nin two lines: \u263a."},
        "seed": 7,
    }
    document = Settled(*read(request)).document()
    assert parsed(with_origins(document["recipe"], document["origins"])) == document["recipe"]


def test_a_setting_is_a_line_with_who_set_it() -> None:
    text = with_origins({"tuner": {"name": "lora", "rank": 16}}, {"tuner.rank": "default"})
    lines = text.splitlines()
    assert lines[0] == "tuner:"
    assert [part.strip() for part in lines[2].split("#")] == ["rank: 16", "default"]


@pytest.mark.parametrize(
    "value", ["", "true", "1e-4", "2026-03-01", "a\nb", "\n", "[", "- x", 1e-4, 3.0, None, [], {}]
)
def test_any_value_stands_on_one_line(value: object) -> None:
    text = with_origins({"name": value}, {"name": "user: a\nb.yaml"})
    assert len(text.splitlines()) == 1
    assert parsed(text) == {"name": value}


def test_facts_are_shown_in_units_for_people() -> None:
    document = {
        "trunk": "llama",
        "num_parameters": 34976,
        "weight_bytes": 69952,
        "parts": {"left": "out"},
    }
    assert facts(document) == [
        ("trunk", "llama"),
        ("parameters", "34,976"),
        ("weight bytes", "68.3 KiB"),
    ]
