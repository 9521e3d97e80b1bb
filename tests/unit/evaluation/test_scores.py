"""Numbers are read off a model by the objective, in the order of the rows."""

from __future__ import annotations

import pytest
from tests.contracts.cases import case

from luthier.evaluation.tasks._batches import outputs, silent


def test_every_row_has_its_own_number_whatever_the_batches() -> None:
    found = case("head", "regress")
    several = outputs(found.bundle, found.objective, found.rows, tell=silent)
    alone = [outputs(found.bundle, found.objective, [row], tell=silent)[0] for row in found.rows]
    assert len(set(alone)) > 1
    assert several.tolist() == pytest.approx(alone, rel=1e-4)
