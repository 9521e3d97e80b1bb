"""Models that the settings of an objective name: asked, held or refused."""

from __future__ import annotations

import gc
import json
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file
from tests import tiny

from luthier.core.errors import RecipeError
from luthier.data.rows import Message, Origin, Preference
from luthier.models.bundle import Bundle
from luthier.models.codec import codec_of
from luthier.models.load import open_model
from luthier.models.sources import fetch
from luthier.objectives import Naming, Other, objectives, others_of
from luthier.objectives._pairs import say
from luthier.recipe.schema import Recipe
from luthier.workflow.api import train
from luthier.workflow.others import asked, find_others
from luthier.workflow.run import Run

RL = {"grader": {"name": "length", "most": 2}, "group_size": 2, "max_new_tokens": 3}
WITH_REFERENCE = ["dpo", "kto", "grpo", "ppo"]


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    tiny.folder(tmp_path / "model")
    tiny.folder(tmp_path / "other")
    tiny.causal_lm(seed=3).save_pretrained(tmp_path / "other")
    pairs = [{"prompt": f"what is {n}", "chosen": f"red {n}", "rejected": "no"} for n in range(30)]
    asked = [{"prompt": f"what is {n}", "reference": "red"} for n in range(30)]
    for name, rows in (("pairs", pairs), ("prompts", asked)):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path


def recipe(desk: Path, rows: str, tuner: str, **objective: Any) -> dict[str, Any]:
    return {
        "model": str(desk / "model"),
        "data": {"train": str(desk / f"{rows}.jsonl"), "test_share": 0.3},
        "objective": objective,
        "tuner": {"name": tuner},
        "training": {"max_steps": 2, "batch_size": 2, "precision": "float32"},
        "evaluation": {"retention": False, "num_resamples": 100},
    }


def built(name: str, **settings: Any) -> Any:
    kind = objectives.get(name)
    return kind(kind.Config(**settings))


def test_a_reference_that_reads_less_than_the_rows_have_is_refused(desk: Path) -> None:
    tiny.causal_lm(seed=3, max_position_embeddings=8).save_pretrained(desk / "other")
    settings = {"name": "dpo", "reference": str(desk / "other")}
    with pytest.raises(RecipeError, match=r"objective.reference: .*reads at most 8 tokens"):
        train(recipe(desk, "pairs", "lora", **settings), out=desk / "run")


def test_a_reference_that_reads_less_than_prompt_and_completion_is_refused(desk: Path) -> None:
    tiny.causal_lm(seed=3, max_position_embeddings=40).save_pretrained(desk / "other")
    settings = {"name": "grpo", "reference": str(desk / "other"), **RL, "max_new_tokens": 39}
    with pytest.raises(RecipeError, match=r"reads at most 40 tokens, and rows of up to \d+"):
        train(recipe(desk, "prompts", "lora", **settings), out=desk / "run")


@pytest.mark.parametrize("name", WITH_REFERENCE)
def test_the_reference_is_the_model_itself_unless_another_is_named(name: str) -> None:
    settings = {"grader": RL["grader"]} if name in ("grpo", "ppo") else {}
    assert others_of(built(name, **settings)) == {}
    assert others_of(built(name, reference="org/name", **settings))["reference"].model == "org/name"
    assert others_of(objectives.get(name)) == {}


def test_a_reference_with_other_tokens_is_refused_with_the_reason(desk: Path) -> None:
    other = tiny.tokenizer()
    other.add_tokens(["zebra"])
    other.save_pretrained(desk / "other")
    objective = built("dpo", reference=str(desk / "other"))
    message = r"recipe objective.reference: .*1 of them differ, such as 'zebra'.*leave .*out"
    with pytest.raises(RecipeError, match=message):
        find_others(objective, codec_of(tiny.tokenizer()))


def test_a_reference_that_lacks_what_the_tuner_adds_is_refused(desk: Path) -> None:
    asked = recipe(desk, "pairs", "lora", name="dpo", reference=str(desk / "other"))
    asked["tuner"]["tokens"] = ["zebra"]
    with pytest.raises(RecipeError, match=r"such as 'zebra' .*What tuner.tokens adds it has not"):
        train(asked, out=desk / "run")


def test_what_was_asked_is_let_go_of(desk: Path) -> None:
    source = fetch(str(desk / "other"))
    settings = Recipe.model_validate(
        {"model": "m", "data": {"train": "a"}, "training": {"precision": "float32"}}
    )
    with asked({"reference": source}, settings) as views:
        with views["reference"]() as first, views["reference"]() as second:
            assert first is second
            seen = weakref.ref(first.model)
        del first, second
    gc.collect()
    assert seen() is None


def test_pairs_are_compared_with_what_the_named_model_says(desk: Path) -> None:
    named = recipe(desk, "pairs", "lora", name="dpo", reference=str(desk / "other"))
    run = train(named, out=desk / "run")
    kept = load_file(run.layout.constants / "train.safetensors")["reference"].reshape(-1, 2)
    other = open_model(str(desk / "other"), kinds=frozenset({"causal_lm"}), dtype=torch.float32)
    rows = {str(row["origin"]): row for row in json.loads(run.layout.splits.read_text())["train"]}
    lines = [int(origin.rpartition(" ")[2]) - 1 for origin in rows]
    pairs = [json.loads(line) for line in (desk / "pairs.jsonl").read_text().splitlines()]
    assert kept == pytest.approx(_said(other, [pairs[line] for line in lines]), rel=1e-4)

    again = Run(run.layout.root)  # the evaluation compares with the same model, and opens it anew
    assert again.recipe.objective["reference"] == str(desk / "other")
    assert run.evaluation is not None
    assert {"base", "tuned"} <= set(run.evaluation["arms"])


def _said(model: Bundle, pairs: list[dict[str, str]]) -> NDArray[np.float32]:
    objective = built("dpo", length_normalised=False)
    from_files = [
        pair_of(pair["prompt"], pair["chosen"], pair["rejected"], line)
        for line, pair in enumerate(pairs, start=1)
    ]
    features = [objective.prepare(row, model.codec, index=at) for at, row in enumerate(from_files)]
    with torch.no_grad():
        return say(model, objective.collate(features)).logprobs_S.view(-1, 2).numpy()


def pair_of(prompt: str, chosen: str, rejected: str, line: int) -> Any:
    return Preference(
        origin=Origin("a", line),
        messages=(Message("user", prompt),),
        chosen=(Message("assistant", chosen),),
        rejected=(Message("assistant", rejected),),
    )


def test_a_tuner_that_keeps_no_base_can_learn_beside_a_named_model(desk: Path) -> None:
    with pytest.raises(RecipeError, match=r"'full' does not keep it.*objective\.reference"):
        train(recipe(desk, "prompts", "full", name="grpo", **RL), out=desk / "refused")
    other = recipe(desk, "prompts", "full", name="grpo", reference=str(desk / "other"), **RL)
    run = train(other, out=desk / "apart")
    first, *_ = run.files.events("updated")
    assert first["metrics"]["kl"] > 1e-3


def test_objectives_that_name_nobody_are_left_alone() -> None:
    assert not isinstance(built("sft"), Naming)
    assert others_of(built("distill", teacher="t")).keys() == {"teacher"}
    assert isinstance(others_of(built("distill", teacher="t"))["teacher"], Other)
