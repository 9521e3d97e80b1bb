"""Which layers a target means, and what is said of weights that are no layers."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tests import tiny

from luthier.core.config import build
from luthier.core.errors import RecipeError
from luthier.models.bundle import Bundle
from luthier.models.low_rank import LowRankLinear
from luthier.tuners import attach
from luthier.tuners.lora import Config, Lora

SOME = ["q_proj", "v_proj"]


def lora(**settings: Any) -> Lora:
    return Lora(build(Config, {"rank": 4, **settings}, where="tuner"))


def tuned(bundle: Bundle, **settings: Any) -> set[str]:
    """Last parts of the names of what was adapted."""
    attach(lora(**settings), bundle, seed=0, frozen=torch.float32)
    parts = bundle.model.named_modules()
    return {name.rpartition(".")[2] for name, part in parts if isinstance(part, LowRankLinear)}


@pytest.mark.parametrize("target", ["q_proj,v_proj", "q_proj, v_proj", SOME])
def test_names_may_stand_in_a_list_or_between_commas(target: Any) -> None:
    assert tuned(tiny.bundle(), target=target) == set(SOME)


@pytest.mark.parametrize("target", [["all-linear"], ["all_linear", "q_proj"], "all"])
def test_the_word_for_all_layers_may_stand_in_a_list(target: Any) -> None:
    assert tuned(tiny.bundle(), target=target) == tuned(tiny.bundle())


def test_a_wrong_name_between_commas_is_named_alone() -> None:
    with pytest.raises(RecipeError, match="'v_prj' names no linear layer below the head"):
        tuned(tiny.bundle(), target="q_proj,v_prj")
