"""Settings of components are checked with the rest of a recipe, before any data is read."""

from __future__ import annotations

from typing import Any

import pytest

import luthier
from luthier.core.errors import RecipeError
from luthier.recipe.load import read
from luthier.workflow.settings import check

REQUEST = {"model": "m", "data": {"train": "x.jsonl"}}


def texts(section: str, **said: Any) -> list[str]:
    return [f"{'.'.join(problem.place)}: {problem.text}" for problem in check(section, said)]


def test_settings_that_the_named_component_takes_are_no_problem() -> None:
    assert check("tuner", {"name": "lora", "rank": 8, "target": ["q_proj"]}) == []
    assert check("objective", {"name": "sft", "train_on": "last"}) == []
    assert check("tuner", {"name": "auto"}) == []


def test_every_problem_of_a_named_component_is_said() -> None:
    found = texts("tuner", name="lora", rank=0, rnk=4)
    assert found == [
        "rank: got 0, expected a whole number of at least 1",
        "rnk: unknown key; did you mean 'rank'?",
    ]


def test_a_setting_that_another_component_takes_is_unknown_to_the_named_one() -> None:
    assert texts("objective", name="sft", labels=["a", "b"])[0].startswith("labels: unknown key")


def test_without_a_name_a_setting_must_please_some_component() -> None:
    assert check("tuner", {"rank": 8}) == []
    assert check("objective", {"train_on": "last"}) == []
    assert texts("tuner", rank=0) == ["rank: got 0, expected a whole number of at least 1"]
    assert texts("objective", train_onn="last") == [
        "train_onn: unknown key; did you mean 'train_on'?"
    ]


def test_an_unknown_component_is_named_with_the_nearest() -> None:
    assert texts("tuner", name="lore") == ["name: got 'lore', unknown tuner; did you mean 'lora'?"]
    assert texts("tuner", name=5) == ["name: got 5, expected the name of a tuner"]


def test_all_problems_of_a_recipe_come_at_once() -> None:
    words = ["training.learning_rat=1", "tuner.rnk=3", "objective.train_onn=x", "dat.train=x"]
    with pytest.raises(RecipeError) as caught:
        luthier.train(REQUEST, overrides=words)
    lines = str(caught.value).splitlines()
    assert {line.split(":")[0] for line in lines} == {f"recipe {w.split('=')[0]}" for w in words}
    assert all(line.endswith("(command line)") for line in lines)


def test_settings_that_a_run_chose_are_not_held_against_another_component() -> None:
    resolved = {
        "recipe": {**REQUEST, "tuner": {"name": "lora", "rank": 16, "alpha": 32.0}},
        "origins": {"tuner.name": "auto: usual", "tuner.rank": "default", "tuner.alpha": "auto: x"},
    }
    recipe, _ = read(resolved, ["tuner=full"], check=check)
    assert recipe.tuner == {"name": "full"}
