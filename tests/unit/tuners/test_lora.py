"""Settings of LoRA that cannot be meant are refused."""

from __future__ import annotations

import pytest

from luthier.core.config import build
from luthier.core.errors import RecipeError
from luthier.tuners.lora import Config


@pytest.mark.parametrize("alpha", [0, -3.0])
def test_an_alpha_that_turns_the_term_off_or_around_is_refused(alpha: float) -> None:
    with pytest.raises(RecipeError, match=r"recipe tuner.alpha: got .*expected a number above 0"):
        build(Config, {"alpha": alpha}, where="tuner")


def test_the_scaling_is_alpha_over_rank_and_two_where_nothing_is_said() -> None:
    assert build(Config, {"alpha": 4, "rank": 8}, where="tuner").scaling == 0.5
    assert build(Config, {"rank": 8}, where="tuner").scaling == 2.0
