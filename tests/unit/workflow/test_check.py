"""What an objective is trained on follows from what it and the model say of themselves."""

from __future__ import annotations

import pytest

from luthier.core.errors import RecipeError
from luthier.data.rows import Labeled
from luthier.models.bundle import Kind
from luthier.objectives import objectives
from luthier.recipe.load import read
from luthier.recipe.resolve import Settled
from luthier.workflow.check import fits
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
