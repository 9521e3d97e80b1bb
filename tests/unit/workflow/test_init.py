"""The first recipe: read as it is written, and no rule of `settle` said twice."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from luthier.recipe.load import read
from luthier.tuners import tuners
from luthier.workflow.init import init

CHAT = json.dumps(
    {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}
)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "rows: mine.jsonl"
    path.write_text("".join(CHAT.replace('"a"', f'"a{n}"') + "\n" for n in range(20)))
    return path


def test_a_first_recipe_is_a_recipe_that_names_its_file(data: Path, tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(init(data), encoding="utf-8")
    recipe, origins = read(path)
    assert (recipe.data.train, recipe.objective["name"]) == (str(data), "sft")
    assert origins["objective.name"] == "user: recipe.yaml"


def test_a_first_recipe_leaves_the_tuner_to_the_model_and_names_the_choices(data: Path) -> None:
    line = next(line for line in init(data, "some/model").splitlines() if "move" in line)
    assert line.split("#")[0].split() == ["name:", "auto"]
    assert all(name in line for name in tuners.names())
