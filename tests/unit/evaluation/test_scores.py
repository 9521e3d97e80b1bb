"""Numbers are read off a model by the objective, in the order of the rows."""

from __future__ import annotations

import pytest
from tests.contracts.cases import case

from luthier.core.errors import RecipeError
from luthier.evaluation.tasks._batches import outputs, silent


def test_every_row_has_its_own_number_whatever_the_batches() -> None:
    found = case("head", "regress")
    several = outputs(found.bundle, found.objective, found.rows, tell=silent)
    alone = [outputs(found.bundle, found.objective, [row], tell=silent)[0] for row in found.rows]
    assert len(set(alone)) > 1
    assert several.tolist() == pytest.approx(alone, rel=1e-4)


def test_an_objective_without_numbers_is_refused_before_a_row_is_read() -> None:
    found = case("lora", "sft")
    found.objective.prepare = None  # type: ignore[assignment]
    with pytest.raises(RecipeError, match="'chat' rows .* numbers, and objective Sft gives none"):
        outputs(found.bundle, found.objective, found.rows, tell=silent)
