"""Layers chosen by what the rows say are recorded, shown, and the same ever after."""

from __future__ import annotations

from pathlib import Path

import pytest
from safetensors import safe_open
from tests import tiny
from tests.journeys.desk import QUICK, Desk, desk

import luthier
from luthier.core.errors import RecipeError


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setenv("LUTHIER_CACHE", str(tmp_path / "cache"))
    return desk(tmp_path, num_rows=24)


def train(place: Desk, *settings: str) -> luthier.Run:
    recipe = {"model": str(place.model), "data": {"train": str(place.data)}}
    asked = [*QUICK, "tuner.rank=4", "training.max_steps=2", *settings]
    return luthier.train(recipe, out=place.root / "run", overrides=asked)


def adapted(run: luthier.Run) -> set[str]:
    with safe_open(run.layout.adapter / "adapter_model.safetensors", "pt") as file:
        names = [name for name in file.keys() if name.endswith("lora_A.weight")]  # noqa: SIM118
    return {n.removeprefix("base_model.model.").removesuffix(".lora_A.weight") for n in names}


@pytest.mark.parametrize("tuner", ["lora", "qlora"])
def test_the_best_layers_are_chosen_once(tuner: str, place: Desk) -> None:
    run = train(place, f"tuner.name={tuner}", "tuner.target=best:3")
    chosen = run.recipe.tuner["chosen"]
    assert adapted(run) == set(chosen)
    assert len(chosen) == 3
    assert "largest gradients of 14" in (run.files.resolved or {})["origins"]["tuner.chosen"]
    assert run.predict([{"prompt": "what is red"}])  # opened anew, without rows
    again = train(place, f"tuner.name={tuner}", "tuner.target=best:3")
    assert again.recipe.tuner["chosen"] == chosen


def test_qera_begins_nearer_to_the_whole_base_and_goes_on_alike(place: Desk) -> None:
    asked = ["tuner.name=qlora", "tuner.recover=qera", "tuner.target=[q_proj]"]
    run = train(place, *asked)
    assert run.predict([{"prompt": "what is red"}])  # opened anew, without rows
    begun = run.path / "adapter" / "adapter_model.safetensors"
    before = begun.read_bytes()
    again = luthier.train(
        {"model": str(place.model), "data": {"train": str(place.data)}},
        out=place.root / "again",
        overrides=[*QUICK, "tuner.rank=4", "training.max_steps=2", *asked],
    )
    assert (again.path / "adapter" / "adapter_model.safetensors").read_bytes() == before


@pytest.mark.parametrize(
    ("asked", "found", "why"),
    [
        ([], "qera", "rounding takes much"),
        (["tuner.bits=8"], "nothing", "8 bits take little"),
        (["objective.name=grpo", "objective.grader=exact"], "nothing", "before the model has"),
    ],
)
def test_qlora_starts_where_rounding_hurts_least(
    asked: list[str], found: str, why: str, place: Desk
) -> None:
    run = train(place, "tuner.name=qlora", "tuner.target=[q_proj]", *asked)
    assert run.recipe.tuner["recover"] == found
    assert why in (run.files.resolved or {})["origins"]["tuner.recover"]
    assert run.predict([{"prompt": "what is red"}])


def test_the_best_layers_are_measured_on_rows_with_new_tokens(place: Desk) -> None:
    tiny.causal_lm(vocab_size=len(tiny.tokenizer())).save_pretrained(place.model)
    run = train(place, "tuner.name=lora", "tuner.target=best:3", "tuner.tokens=[the number]")
    assert len(run.recipe.tuner["chosen"]) == 3
    tokenizer = run.bundle.codec.tokenizer
    assert tokenizer.convert_tokens_to_ids("the number") in run.bundle.codec.encode("a the number")


def test_a_run_without_a_template_opens_with_its_new_tokens(place: Desk) -> None:
    asked = ["tuner.name=lora", "tuner.tokens=[the number]", "objective.template=plain"]
    codec = luthier.open_run(train(place, *asked).path).bundle.codec
    assert codec.is_plain
    assert codec.tokenizer.convert_tokens_to_ids("the number") in codec.encode("a the number")


def test_more_layers_than_there_are_stop_the_run_before_training(place: Desk) -> None:
    with pytest.raises(RecipeError, match="got best:99, but there are 14 to choose from"):
        train(place, "tuner.name=lora", "tuner.target=best:99")
    assert not list((place.root / "run").glob("checkpoints/*"))


@pytest.mark.parametrize(
    ("objective", "settings", "why"),
    [
        ("distill", "objective.teacher={model}", "the teacher was asked"),
        ("grpo", "objective.grader=exact", "the model has answered"),
    ],
)
def test_what_layers_are_given_is_not_measured_where_rows_cannot_be_run(
    objective: str, settings: str, why: str, place: Desk
) -> None:
    asked = ["tuner.name=qlora", "tuner.recover=qera", f"objective.name={objective}"]
    with pytest.raises(RecipeError, match=rf"runs none before {why}. Leave tuner.recover=qera out"):
        train(place, *asked, settings.format(model=place.model))


def test_layers_are_not_chosen_by_a_loss_that_a_teacher_must_give_first(place: Desk) -> None:
    asked = ["tuner.name=lora", "tuner.target=best:3", "objective.name=distill"]
    with pytest.raises(
        RecipeError, match=r"has none before the teacher was asked. Name the layers"
    ):
        train(place, *asked, f"objective.teacher={place.model}")
