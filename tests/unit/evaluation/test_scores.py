"""Numbers are read off a model by the objective, in the order of the rows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.contracts.cases import case

from luthier.evaluation.tasks._batches import outputs, silent
from luthier.evaluation.tasks.label import batches


def test_every_row_has_its_own_number_whatever_the_batches() -> None:
    found = case("head", "regress")
    several = outputs(found.bundle, found.objective, found.rows, tell=silent)
    alone = [outputs(found.bundle, found.objective, [row], tell=silent)[0] for row in found.rows]
    assert len(set(alone)) > 1
    assert several.tolist() == pytest.approx(alone, rel=1e-4)


def long_scored(found: Any) -> tuple[Any, Any]:
    """The case's first row with two texts, each of which fills the context but for a token."""
    limit = min(found.bundle.facts.context_length, found.bundle.codec.max_length)
    text = " ".join(["red"] * (limit - 3))  # the word tokenizer puts a mark at either end
    return replace(found.rows[0], text=text, text_pair=text), limit


def test_two_texts_that_fit_one_by_one_are_read_whole() -> None:
    found = case("full", "cosent")
    row, limit = long_scored(found)
    assert outputs(found.bundle, found.objective, [row], tell=silent)[0] == pytest.approx(1.0)
    (_, batch) = next(batches(found.bundle, found.objective, [row]))
    assert batch.lengths == (limit - 1, limit - 1)


def test_a_text_that_is_cut_keeps_its_closing_mark() -> None:
    found = case("full", "regress")
    both, limit = long_scored(found)
    row = replace(both, text=f"{both.text} {both.text_pair}", text_pair="")
    (_, batch) = next(batches(found.bundle, found.objective, [row]))
    whole = found.objective.prepare(row, found.bundle.codec, index=0).input_ids
    assert batch.lengths == (limit,)
    assert int(batch.input_ids_N[-1]) == int(whole[-1])
    assert batch.input_ids_N[:-1].tolist() == whole[: limit - 1].tolist()
