"""What is chosen for "auto", and that a user's own value is never touched."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from luthier.core.errors import RecipeError
from luthier.models.blueprint import Blueprint
from luthier.models.bundle import Facts
from luthier.models.trunks import hindrance
from luthier.recipe.load import read
from luthier.recipe.resolve import Settled
from luthier.workflow.settle import (
    idle_patience,
    num_steps,
    settle_compute,
    settle_objective,
    settle_training,
    settle_tuner,
    settle_validation,
    unusual_rate,
)

SMALL = Facts("BertModel", 22_000_000, 10_000_000, 6, 384, 30_000, 512, 88_000_000)
LARGE = replace(
    SMALL, architecture="LlamaForCausalLM", num_parameters=8_000_000_000, hidden_size=4096
)


def settled(**sections: object) -> Settled:
    return Settled(*read({"model": "m", "data": {"train": "rows.jsonl"}, **sections}))


@pytest.mark.parametrize(
    ("shape", "objective"), [("chat", "sft"), ("text", "lm"), ("labeled", "classify")]
)
def test_the_objective_follows_the_shape_of_the_rows(shape: str, objective: str) -> None:
    recipe = settled()
    settle_objective(recipe, shape)
    assert recipe.get("objective.name") == objective
    assert recipe.origins["objective.name"].startswith("auto")


def test_a_named_objective_is_kept() -> None:
    recipe = settled(objective="lm")
    settle_objective(recipe, "chat")
    assert recipe.get("objective.name") == "lm"


@pytest.mark.parametrize(
    ("given", "window"), [({"max_length": 256}, 256), ({"max_length": 500}, None), ({}, None)]
)
def test_windows_are_no_longer_than_rows_may_be(given: dict[str, int], window: int | None) -> None:
    recipe = settled(objective="qa", training=given)
    settle_objective(recipe, "question")
    assert recipe.get("objective").get("window") == window


def test_a_window_that_was_asked_for_is_kept() -> None:
    recipe = settled(objective={"name": "qa", "window": 300}, training={"max_length": 256})
    settle_objective(recipe, "question")
    assert recipe.get("objective.window") == 300


def test_small_encoders_are_trained_whole_and_large_models_with_lora() -> None:
    small, large = settled(), settled()
    settle_tuner(small, SMALL, kind="sequence_classifier")
    settle_tuner(large, LARGE, kind="causal_lm")
    assert (small.get("tuner.name"), large.get("tuner.name")) == ("full", "lora")


@pytest.mark.parametrize(
    ("objective", "given", "share"),
    [
        ("auto", "auto", 0.1),
        ("classify", "auto", 0.1),
        ("fewshot", "auto", 0),
        ("fewshot", 0.2, 0.2),
    ],
)
def test_a_handful_of_rows_is_trained_whole(objective: str, given: object, share: float) -> None:
    data = {"train": "rows.jsonl", "validation_share": given}
    recipe = Settled(*read({"model": "m", "data": data, "objective": objective}))
    settle_validation(recipe)
    assert recipe.get("data.validation_share") == share


@pytest.mark.parametrize(
    ("patience", "every", "rows", "why"),
    [
        (3, "auto", 0, "there are no validation rows"),
        (3, 0, 40, "with training.evaluate_every=0 nothing is validated before the end"),
        (3, "auto", 40, ""),
        (0, 0, 0, ""),
    ],
)
def test_patience_that_has_nothing_to_go_by_is_said(
    patience: int, every: object, rows: int, why: str
) -> None:
    training = {"early_stopping_patience": patience, "evaluate_every": every}
    recipe = settled(training=training)
    found = idle_patience(recipe, num_validation=rows)
    assert found == (f"training.early_stopping_patience has no effect: {why}" if why else "")


def test_a_batch_of_a_handful_of_rows_is_all_of_them() -> None:
    recipe = settled(objective="fewshot", tuner="full")
    settle_training(recipe, SMALL, kind="embedder", lengths=[9] * 48)
    assert recipe.get("training.batch_size") == 48


def test_a_learning_rate_of_the_user_is_kept() -> None:
    recipe = settled(objective="sft", tuner="lora", training={"learning_rate": 0.123})
    settle_training(recipe, LARGE, kind="causal_lm", lengths=[9] * 100)
    assert recipe.get("training.learning_rate") == 0.123


def test_every_training_setting_that_the_plan_needs_is_a_number_afterwards() -> None:
    recipe = settled(objective="sft", tuner="lora")
    settle_training(recipe, LARGE, kind="causal_lm", lengths=[9] * 100)
    for key in ("epochs", "learning_rate", "batch_size", "save_every", "evaluate_every"):
        assert isinstance(recipe.get(f"training.{key}"), int | float), key


@pytest.mark.parametrize(("rate", "is_told"), [(10.0, True), (2e-3, False)])
def test_a_learning_rate_far_above_the_usual_is_told(rate: float, is_told: bool) -> None:
    recipe = settled(objective="sft", tuner="lora", training={"learning_rate": rate})
    assert ("50,000 times" in unusual_rate(recipe, LARGE, kind="causal_lm")) == is_told


@pytest.mark.parametrize("rows", [1, 9, 10, 1000, 100_000])
def test_any_number_of_rows_gives_at_least_one_step(rows: int) -> None:
    recipe = settled(objective="classify", tuner="full")
    settle_training(recipe, SMALL, kind="sequence_classifier", lengths=[9] * rows)
    assert num_steps(recipe, [9] * rows) >= 1


def test_max_steps_bounds_the_number_of_steps() -> None:
    recipe = settled(objective="sft", tuner="lora", training={"max_steps": 3})
    settle_training(recipe, LARGE, kind="causal_lm", lengths=[9] * 1000)
    assert num_steps(recipe, [9] * 1000) == 3


def test_steps_that_were_asked_for_are_taken_however_few_the_rows() -> None:
    recipe = settled(objective="sft", tuner="lora", training={"max_steps": 500})
    settle_training(recipe, LARGE, kind="causal_lm", lengths=[9] * 64)
    assert num_steps(recipe, [9] * 64) == 500
    assert recipe.get("training.epochs") == 63  # 8 steps each
    assert recipe.origins["training.epochs"] == "auto: training.max_steps=500 of 64 rows"


@pytest.mark.parametrize("rows", [50, 600, 100_000])
def test_prompts_are_passed_over_as_often_as_makes_the_usual_steps(rows: int) -> None:
    settings: dict[str, Any] = {"kind": "causal_lm", "lengths": [9] * rows}
    once, often = (settled(objective="ppo", tuner="lora") for _ in range(2))
    settle_training(once, LARGE, **settings, exploring=1)
    settle_training(often, LARGE, **settings, exploring=4)
    assert often.get("training.epochs") == once.get("training.epochs") / 4
    steps = num_steps(once, [9] * rows, exploring=1)
    assert num_steps(often, [9] * rows, exploring=4) == steps


def test_epochs_of_the_user_bound_the_steps() -> None:
    training = {"max_steps": 500, "epochs": 2}
    recipe = settled(objective="sft", tuner="lora", training=training)
    settle_training(recipe, LARGE, kind="causal_lm", lengths=[9] * 64)
    assert num_steps(recipe, [9] * 64) == 16


def test_a_run_that_tokens_end_has_the_horizon_and_the_periods_of_its_steps() -> None:
    recipe = settled(objective="sft", tuner="lora", training={"epochs": 10, "max_tokens": 400})
    settle_training(recipe, LARGE, kind="causal_lm", lengths=[20] * 64)
    assert num_steps(recipe, [20] * 64) == 3  # of 8 rows with 20 tokens each
    assert recipe.get("training.evaluate_every") == 1


@pytest.mark.parametrize(("rows", "chosen"), [(1, "off"), (100_000, "on")])
def test_pieces_are_compiled_in_long_trainings_only(rows: int, chosen: str) -> None:
    recipe = settled(objective="sft", tuner="lora")
    settle_training(recipe, LARGE, kind="causal_lm", lengths=[9] * rows)
    settle_compute(
        recipe, Blueprint(LARGE, can_generate=True, kinds=("causal_lm",)), [200] * rows, "cpu"
    )
    assert recipe.get("training.compile") == ("off" if hindrance() else chosen)


def test_an_encoder_has_nothing_to_compile() -> None:
    recipe = settled(objective="classify", tuner="full")
    settle_training(recipe, SMALL, kind="sequence_classifier", lengths=[9] * 100_000)
    settle_compute(
        recipe,
        Blueprint(SMALL, can_generate=False, kinds=("sequence_classifier",)),
        [200] * 100_000,
        "cpu",
    )
    assert recipe.get("training.compile") == "off"


@pytest.mark.parametrize("name", ["contrastive", "fewshot", "cosent", "kto"])
def test_one_row_alone_is_no_batch_where_rows_are_compared(name: str) -> None:
    recipe = settled(objective=name, tuner="full", training={"batch_size": 1})
    with pytest.raises(RecipeError, match=rf"batch_size: got 1, but objective '{name}'"):
        settle_training(recipe, SMALL, kind="embedder", lengths=[5] * 20)


def test_no_step_to_take_is_refused() -> None:
    recipe = settled(objective="sft", tuner="lora")
    with pytest.raises(RecipeError, match="no step"):
        settle_training(recipe, LARGE, kind="causal_lm", lengths=[])
