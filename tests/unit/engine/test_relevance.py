"""The relevance of a part is the norm of its gradient, row by row, and leaves no trace."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from tests.contracts.cases import Case, case, plain_bundle

from luthier.core.errors import RecipeError
from luthier.engine.relevance import relevance
from luthier.objectives.contract import Roles

PARTS = {
    "low": ["model.layers.0.mlp.up_proj.weight"],
    "both": ["model.layers.1.mlp.up_proj.weight", "model.layers.1.mlp.down_proj.weight"],
}


def untouched() -> Case:
    found = case("lora", "sft")
    found.bundle = plain_bundle("causal_lm")
    return found


def test_it_is_the_root_mean_square_of_the_norms_of_rows() -> None:
    found = untouched()
    measured = relevance(found.bundle, found.objective, found.features, PARTS)
    model = found.bundle.model.requires_grad_(True)
    for part, names in PARTS.items():
        squares = []
        for item in found.features:
            model.zero_grad()
            loss = found.objective.loss(Roles(found.bundle), found.objective.collate([item]))
            (loss.sum / loss.count).backward()
            grads = [model.get_parameter(name).grad for name in names]
            squares.append(sum(float(g.square().sum()) for g in grads if g is not None))
        assert measured[part] == pytest.approx(math.sqrt(sum(squares) / len(squares)), rel=1e-5)


def test_the_model_is_left_as_it_was() -> None:
    found = untouched()
    before = {n: p.detach().clone() for n, p in found.bundle.model.named_parameters()}
    found.bundle.model.requires_grad_(False)
    relevance(found.bundle, found.objective, found.features, PARTS)
    for name, parameter in found.bundle.model.named_parameters():
        assert torch.equal(parameter, before[name])
        assert parameter.grad is None
        assert not parameter.requires_grad


def test_a_loss_that_depends_on_nothing_is_refused() -> None:
    found = untouched()
    with torch.no_grad():
        found.bundle.model.get_parameter("model.norm.weight").zero_()
    with pytest.raises(RecipeError, match="no gradient in any layer"):
        relevance(found.bundle, found.objective, found.features, PARTS)


def test_rows_that_ask_the_reference_have_a_loss_too() -> None:
    found = case("lora", "dpo")
    found.bundle = plain_bundle("causal_lm")
    features = [replace(item, arrays={}) for item in found.features]  # nobody was asked yet
    scores = relevance(found.bundle, found.objective, features, PARTS)
    assert scores.keys() == PARTS.keys()
    assert all(score > 0 for score in scores.values())
