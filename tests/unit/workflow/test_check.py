"""What an objective is trained on follows from what it and the model say of themselves."""

from __future__ import annotations

import pytest

from luthier.core.errors import RecipeError
from luthier.objectives import objectives
from luthier.recipe.load import read
from luthier.recipe.resolve import Settled
from luthier.workflow.check import fits
from luthier.workflow.settle import settle_objective


def kind_of(name: str, *, can_generate: bool) -> str:
    kind = objectives.get(name)
    objective = kind(kind.Config())
    return fits(objective, name=name, can_generate=can_generate, reference="some-model")


@pytest.mark.parametrize(
    ("name", "can_generate", "kind"),
    [
        ("sft", True, "causal_lm"),
        ("lm", True, "causal_lm"),
        ("classify", True, "sequence_classifier"),
        ("classify", False, "sequence_classifier"),
    ],
)
def test_the_kind_is_one_that_both_know(name: str, can_generate: bool, kind: str) -> None:
    assert kind_of(name, can_generate=can_generate) == kind


def test_an_objective_that_does_not_fit_the_model_is_refused_with_those_that_do() -> None:
    with pytest.raises(
        RecipeError, match="'sft' trains causal_lm, but some-model is an enc"
    ) as said:
        kind_of("sft", can_generate=False)
    assert "fits this one: classify" in str(said.value)
    assert "smollm2-135m" in str(said.value)


def test_rows_that_no_objective_is_meant_for_need_one_by_name() -> None:
    recipe = Settled(*read({"model": "m", "data": {"train": "rows.jsonl"}}))
    with pytest.raises(RecipeError, match=r"the rows are preference.*no objective here takes"):
        settle_objective(recipe, "preference")
