"""The first recipe: read as it is written, and no rule of `settle` said twice."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests import pictures

from luthier.core.errors import RecipeError
from luthier.data.rows import Row
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


def user(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


ROWS: dict[str, tuple[Callable[[int], dict[str, Any]], str, str]] = {
    "chat": (lambda n: {"prompt": f"a{n}", "completion": "b"}, "sft", "smollm2-135m"),
    "text": (lambda n: {"text": f"the world {n}"}, "lm", "smollm2-135m"),
    "preference": (
        lambda n: {"prompt": f"a{n}", "chosen": "b", "rejected": "c"},
        "dpo",
        "smollm2-135m",
    ),
    "rated": (
        lambda n: {"prompt": f"a{n}", "completion": "b", "label": n % 2 == 0},
        "kto",
        "smollm2-135m",
    ),
    "prompt": (
        lambda n: {"prompt": user(f"{n} and 1?"), "reference": str(n + 1)},
        "grpo",
        "smollm2-135m",
    ),
    "labeled": (lambda n: {"text": f"a{n}", "label": "xy"[n % 2]}, "classify", "minilm-l6"),
    "multilabeled": (
        lambda n: {"text": f"a{n}", "labels": ["x", "y"][: n % 3]},
        "multilabel",
        "minilm-l6",
    ),
    "scored": (lambda n: {"text": f"a{n}", "score": n / 7}, "regress", "minilm-l6"),
    "tagged": (
        lambda n: {"tokens": ["Ada", str(n)], "tags": ["B-name", "O"]},
        "tag",
        "minilm-l6",
    ),
    "question": (
        lambda n: {
            "question": f"who is {n}?",
            "context": f"Ada is {n}.",
            "answers": {"text": ["Ada"], "answer_start": [0]},
        },
        "qa",
        "minilm-l6",
    ),
    "ranked": (
        lambda n: {"query": f"q{n // 2}", "document": f"d{n}", "relevance": n % 2},
        "rank",
        "minilm-l6",
    ),
    "triplet": (
        lambda n: {"anchor": f"a{n}", "positive": f"b{n}"},
        "contrastive",
        "minilm-l6",
    ),
}
"""Of every shape a row, what is learned from such, and the model that is proposed."""


def test_there_is_a_file_of_every_shape() -> None:
    assert set(ROWS) == {kind.shape() for kind in Row.__subclasses__()}


@pytest.mark.parametrize("shape", ROWS)
def test_rows_of_every_shape_get_a_recipe_that_can_be_read(shape: str, tmp_path: Path) -> None:
    row, objective, model = ROWS[shape]
    data = tmp_path / "rows.jsonl"
    data.write_text("".join(json.dumps(row(n)) + "\n" for n in range(40)))
    path = tmp_path / "recipe.yaml"
    path.write_text(init(data), encoding="utf-8")
    recipe, _ = read(path)
    assert (recipe.objective["name"], recipe.model) == (objective, model)
    path.write_text(init(data, "some/model"), encoding="utf-8")
    assert read(path)[0].model == "some/model"


def test_pictures_need_a_model_that_is_named(tmp_path: Path) -> None:
    data = pictures.folder(tmp_path / "all")
    with pytest.raises(RecipeError, match=r"the rows are pictures.*\n.*--model FOLDER"):
        init(data)
    assert "model: some/model" in init(data, "some/model")
