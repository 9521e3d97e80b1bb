"""Properties that every objective has, whatever it learns."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.contracts.cases import Case, case
from torch.testing import assert_close

from luthier.core.config import ComponentConfig
from luthier.core.events import Updated
from luthier.data.features import IGNORE
from luthier.objectives import Scorer, objectives

NAMES = objectives.names()
NO_DROPOUT = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
NO_LIMIT = 10**9
UNTIED = {"tie_word_embeddings": False}


def steady(name: str, tuner: str = "full", **model: Any) -> Case:
    """A case whose model draws nothing: dropout would make every comparison pointless."""
    reads = "causal_lm" not in objectives.get(name).kinds
    return case(tuner, name, **(NO_DROPOUT if reads else model))


def sure(found: Case) -> Case:
    """The same case with a language-model head that can make any token nearly certain.

    A final norm bounds the hidden states, and with it the logits. Under the head as it is drawn,
    the best hidden states of all leave 1.3 nats a token; twice as large, 0.1. Where the head is
    frozen nothing else makes up for it: on running text, rank 16 instead of 8 and 200 steps
    instead of 40 stay above a quarter of the first loss.
    """
    if found.bundle.kind == "causal_lm":
        found.bundle.trunk.head().weight.data *= 2
    return found


@pytest.mark.parametrize("name", NAMES)
def test_an_objective_declares_its_facts(name: str) -> None:
    component = objectives.get(name)
    assert issubclass(component.Config, ComponentConfig)
    assert component.kinds
    assert "policy" in component.roles
    assert component.additive in {True, False}
    usual = component.usual
    assert usual.batch_size > 0
    assert usual.rate > 0
    assert 0 < usual.epochs[0] <= usual.epochs[1]
    assert component.__doc__ is not None
    for word in ("**Rows**", "**Unit**", "**Roles**", "**Relations**"):
        assert word in component.__doc__
    said = component.__doc__.partition("**Unit**")[2].partition("**Roles**")[0]
    assert case("full", name).objective.unit in said


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("both", [("asks", "constants"), ("problem", "labels")])
def test_what_belongs_together_is_declared_together(name: str, both: tuple[str, str]) -> None:
    assert len({hasattr(objectives.get(name), part) for part in both}) == 1


@pytest.mark.parametrize("name", NAMES)
def test_a_scorer_gives_every_row_numbers(name: str) -> None:
    found = steady(name)
    if not isinstance(found.objective, Scorer):
        pytest.skip("its rows are answered in writing, or by what the trunk says")
    with torch.no_grad():
        said = found.objective.outputs(found.bundle, found.objective.collate(found.features))
    assert said.dtype == torch.float32
    assert said.shape[:1] == (len(found.features),)
    is_said = said.isfinite()
    assert bool(is_said[:, :1].all())
    assert bool((said[~is_said] == -math.inf).all())
    assert bool((is_said[:, :-1] >= is_said[:, 1:]).all())  # none behind a gap


def test_one_objective_is_meant_for_each_kind_of_rows() -> None:
    meant = [item.row for _, item in objectives.items() if item.is_default]
    assert len(meant) == len(set(meant))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("max_tokens", [1, 25, 60])
def test_splitting_a_batch_changes_no_gradient(name: str, max_tokens: int) -> None:
    found = steady(name)
    found.plan = replace(found.plan, batch_size=len(found.features))
    whole = found.gradient(found.features, max_tokens=NO_LIMIT)
    split = found.gradient(found.features, max_tokens=max_tokens)
    assert_close(split, whole, rtol=1e-5, atol=2e-6)  # float32 sums in another order


@pytest.mark.parametrize("name", NAMES)
def test_the_order_of_rows_changes_no_loss(name: str) -> None:
    found = steady(name)
    assert found.loss(found.features[::-1]) == pytest.approx(found.loss(found.features), rel=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_rows_packed_together_have_the_losses_they_have_alone(name: str) -> None:
    found = steady(name)
    if not found.objective.additive:
        pytest.skip("examples interact by design")

    def total(features: list) -> tuple[float, float]:
        with torch.no_grad():
            loss = found.objective.loss(found.roles(), found.objective.collate(features))
        return float(loss.sum), float(loss.count)

    alone = [total([item]) for item in found.features]
    packed = total(found.features)
    assert packed[0] == pytest.approx(sum(pair[0] for pair in alone), rel=1e-5)
    assert packed[1] == pytest.approx(sum(pair[1] for pair in alone))


@pytest.mark.parametrize("name", NAMES)
def test_what_is_masked_changes_no_gradient(name: str) -> None:
    found = steady(name)
    whole = found.gradient(found.features, max_tokens=NO_LIMIT)
    masked = [*found.features, _without_target(found.features[0])]
    assert_close(found.gradient(masked, max_tokens=NO_LIMIT), whole, rtol=1e-5, atol=2e-6)


@pytest.mark.parametrize("name", NAMES)
def test_a_tail_that_is_not_trained_changes_no_token_loss(name: str) -> None:
    found = steady(name)
    if not found.features[0].num_trained or found.bundle.kind != "causal_lm":
        pytest.skip("it trains labels, or tokens that see what follows them")
    tail = np.full(5, 7, np.int32)
    padded = [
        replace(
            item,
            input_ids=np.concatenate([item.input_ids, tail]),
            loss_weights=np.concatenate([item.loss_weights, np.zeros(5, np.float32)]),
            sequences=(*item.sequences[:-1], item.lengths[-1] + 5) if item.sequences else (),
        )
        for item in found.features
    ]
    assert found.loss(padded) == pytest.approx(found.loss(found.features), rel=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_the_first_token_is_never_a_target(name: str) -> None:
    found = steady(name)
    assert all(not item.loss_weights[:1].any() for item in found.features)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("tuner", ["full", "lora"])
def test_eight_rows_can_be_overfitted(name: str, tuner: str, tmp_path: Path) -> None:
    found = sure(steady(name, tuner, **UNTIED))
    if found.prompts:
        pytest.skip("it learns from its own answers: their scores rise, not its loss falls")
    changes = {"epochs": 40, "batch_size": 8, "lr_scheduler_type": "constant", "weight_decay": 0.0}
    events = found.fit(tmp_path, **changes, validation=[], micro_batch_tokens=512)
    losses = [event.loss for event in events if isinstance(event, Updated)]
    assert losses[-1] < 0.1 * losses[0]


def _without_target(item):
    return replace(item, loss_weights=np.zeros_like(item.loss_weights), label=IGNORE)
