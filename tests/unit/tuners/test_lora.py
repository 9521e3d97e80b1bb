"""Settings of LoRA that cannot be meant are refused, and the rate that it chooses."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests import tiny

from luthier.core.config import build
from luthier.core.errors import RecipeError
from luthier.models.facts import facts_of
from luthier.tuners.lora import MOST_RATE, Config, Lora


@pytest.mark.parametrize("alpha", [0, -3.0])
def test_an_alpha_that_turns_the_term_off_or_around_is_refused(alpha: float) -> None:
    with pytest.raises(RecipeError, match=r"recipe tuner.alpha: got .*expected a number above 0"):
        build(Config, {"alpha": alpha}, where="tuner")


def test_the_scaling_is_alpha_over_rank_and_two_where_nothing_is_said() -> None:
    assert build(Config, {"alpha": 4, "rank": 8}, where="tuner").scaling == 0.5
    assert build(Config, {"rank": 8}, where="tuner").scaling == 2.0


@pytest.mark.parametrize(("width", "rate"), [(8192, 1e-4), (4096, 2e-4), (2048, 3e-4), (576, 9e-4)])
def test_narrow_models_take_higher_rates(width: int, rate: float) -> None:
    facts = replace(facts_of(tiny.causal_lm()), hidden_size=width)
    assert Lora.usual_rate(facts, "causal_lm")[0] == pytest.approx(rate)


def test_no_rate_above_those_that_were_tried_is_chosen() -> None:
    assert Lora.usual_rate(facts_of(tiny.causal_lm()), "causal_lm")[0] == MOST_RATE
