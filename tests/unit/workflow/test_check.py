"""What an objective is trained on follows from what it and the model say of themselves."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tests import tiny

from luthier.core.errors import RecipeError
from luthier.data.rows import Labeled, Origin, Row
from luthier.models.bundle import Kind
from luthier.objectives import objectives
from luthier.recipe.load import read
from luthier.recipe.resolve import Settled
from luthier.tuners import attach, resolved, tuners
from luthier.workflow.check import better_suited, fits, untaught
from luthier.workflow.settle import settle_objective

WRITER: tuple[Kind, ...] = ("causal_lm", "sequence_classifier", "token_classifier")
READER: tuple[Kind, ...] = ("sequence_classifier", "token_classifier")


def kind_of(name: str, *, possible: tuple[Kind, ...]) -> str:
    kind = objectives.get(name)
    objective = kind(kind.Config())
    return fits(objective, name=name, possible=possible, reference="some-model")


@pytest.mark.parametrize(
    ("name", "possible", "kind"),
    [
        ("sft", WRITER, "causal_lm"),
        ("lm", WRITER, "causal_lm"),
        ("classify", WRITER, "sequence_classifier"),
        ("classify", READER, "sequence_classifier"),
    ],
)
def test_the_kind_is_one_that_both_know(name: str, possible: tuple[Kind, ...], kind: str) -> None:
    assert kind_of(name, possible=possible) == kind


def test_an_objective_that_does_not_fit_the_model_is_refused_with_those_that_do() -> None:
    with pytest.raises(
        RecipeError, match="'sft' trains causal_lm, one that writes text, but some-model"
    ) as said:
        kind_of("sft", possible=READER)
    assert "classify" in str(said.value).partition("fits this one: ")[2]
    assert "smollm2-135m" in str(said.value)


def test_an_objective_that_evaluation_could_not_read_is_refused_before_training() -> None:
    kind = objectives.get("sft")
    objective = kind(kind.Config())
    objective.row = Labeled  # type: ignore[misc]
    with pytest.raises(RecipeError, match="must be a Scorer, which 'sft' is not") as said:
        fits(objective, name="sft", possible=WRITER, reference="some-model")
    assert str(said.value).endswith("Use one of: classify, fewshot.")


def test_rows_that_no_objective_is_meant_for_need_one_by_name() -> None:
    recipe = Settled(*read({"model": "m", "data": {"train": "rows.jsonl"}}))
    with pytest.raises(RecipeError, match=r"the rows are recipe.*no objective here takes"):
        settle_objective(recipe, "recipe")


@pytest.mark.parametrize(
    ("architecture", "tuner", "pooling", "is_told"),
    [
        ("bert", "head", "mean", True),
        ("bert", "head", "cls", False),
        ("bert", "lora", "mean", False),
        ("bert", "head", "", False),
        ("llama", "head", "lasttoken", False),
        ("llama", "head", "mean", True),
    ],
)
def test_a_head_that_reads_a_token_which_never_learned_is_told(
    architecture: Any, tuner: str, pooling: str, is_told: bool, tmp_path: Path
) -> None:
    bundle = tiny.bundle(architecture, labels=("no", "yes"))
    kind = "LlamaForCausalLM" if architecture == "llama" else "BertModel"
    bundle.model.config.architectures = [kind]  # as the config of the files says
    bundle.source = replace(bundle.source, folder=tmp_path)
    if pooling:
        modules = [{"type": "sentence_transformers.models.Pooling", "path": "1_Pooling"}]
        (tmp_path / "modules.json").write_text(json.dumps(modules), encoding="utf-8")
        (tmp_path / "1_Pooling").mkdir()
        config = json.dumps({"pooling_mode": pooling})
        (tmp_path / "1_Pooling" / "config.json").write_text(config, encoding="utf-8")
    moved = tuners.get(tuner)
    found = moved.Config()
    found = found.model_copy(update={k: v for k, (v, _) in resolved(moved, found).items()})
    attach(moved(found), bundle, seed=0, frozen=torch.float32)
    assert ("last_layers" in untaught(bundle)) == is_told


@pytest.mark.parametrize(
    ("name", "per_class", "modules", "is_told"),
    [
        ("classify", 16, True, True),
        ("classify", 17, True, False),
        ("classify", 1, True, False),  # no two rows to compare
        ("classify", 8, False, False),  # not made to give vectors
        ("fewshot", 8, True, False),
        ("regress", 8, True, False),
    ],
)
def test_a_handful_of_rows_per_class_is_told_of_what_learns_more_from_them(
    name: str, per_class: int, modules: bool, is_told: bool, tmp_path: Path
) -> None:
    if modules:
        (tmp_path / "modules.json").write_text("[]", encoding="utf-8")
    kind = objectives.get(name)
    rows: list[Row] = [
        Labeled(origin=Origin("rows.csv", at), text=f"text {at}", label=str(at % 3))
        for at in range(3 * per_class)
    ]
    possible: tuple[Kind, ...] = ("embedder", *READER)
    found = better_suited(kind(kind.Config()), rows, possible=possible, folder=tmp_path)
    assert ("objective 'fewshot' usually learns more" in found) == is_told
