"""Properties that every tuner has, with every objective."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tests import tiny
from tests.contracts.cases import SPEAKERS, TUNED, WAYS, Case, case, plain_bundle
from torch.testing import assert_close

from luthier.core.config import ComponentConfig
from luthier.core.errors import RecipeError, RunError
from luthier.core.events import Updated
from luthier.export import exporters
from luthier.models.bundle import Outline
from luthier.models.facts import facts_of
from luthier.models.quantised import quantise, quantised_layers
from luthier.objectives import objectives
from luthier.tuners import tuners
from luthier.tuners.contract import Checking, Lengthening

NAMES = tuners.names()
NO_DROPOUT = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
BFLOAT16 = 0.025
"""Outputs of two layers and a head in bfloat16, added up in another order: relative distance."""


def both(test: Any) -> Any:
    """Every tuner with an objective of each kind of model, exactly and as users run them. Both
    paths are asked where most work is done; other kinds differ in the head alone."""
    named = ("tuner", "objective", "way")
    cases = [
        (tuner, objective, way)
        for tuner, objective in TUNED
        for way in WAYS
        if objective in SPEAKERS[:2] or way != "bfloat16-general"
    ]
    return pytest.mark.parametrize(named, cases)(test)


def untouched(found: Case) -> Case:
    """The same model before any tuner, run by the same trunk."""
    plain = plain_bundle(
        found.bundle.kind,
        labels=found.bundle.labels,
        way=found.way,
        moves_base=found.tuner.moves_base,
        **found.model,
    )
    stored = quantised_layers(found.bundle.model)
    if stored:  # its base is the one in few bits
        names = [name.removesuffix(".base") for name in stored]
        quantise(plain.model, names, bits=next(iter(stored.values())).bits)
    one = replace(found, bundle=plain)
    one.run_anew(like=found.bundle.trunk.name)
    return one


def is_equal(one: torch.Tensor, other: torch.Tensor, way: str) -> bool:
    """To the bit in float32; elsewhere another path may add up in another order."""
    if way == "float32":
        return torch.equal(one, other)
    return distance(one, other) <= BFLOAT16


def distance(one: torch.Tensor, other: torch.Tensor) -> float:
    return float((one.float() - other.float()).norm() / other.float().norm())


@pytest.mark.parametrize("name", NAMES)
def test_a_tuner_declares_its_facts(name: str) -> None:
    component = tuners.get(name)
    assert issubclass(component.Config, ComponentConfig)
    assert component.keeps_base in {True, False}
    assert component.merges in {True, False}
    assert component.moves_base in {True, False}
    needs_base = exporters.get(component.saved_as).needs_base
    assert component.merges or needs_base
    assert needs_base or not component.keeps_base  # of a saved whole model no base can be had
    for kind in ("causal_lm", "sequence_classifier"):
        rate, why = component.usual_rate(facts_of(tiny.causal_lm()), kind)
        assert 0 < rate < 1
        assert why
    assert component.__doc__ is not None
    assert component.__doc__.startswith("Trains")


@both
def test_a_fresh_tuner_leaves_outputs_unchanged(tuner: str, objective: str, way: str) -> None:
    found = case(tuner, objective, way=way)
    if isinstance(found.tuner, Lengthening):
        pytest.skip("positions before a sequence are seen from the start")
    assert is_equal(found.outputs(), untouched(found).outputs(), way)


@both
def test_only_declared_parameters_move(
    tuner: str, objective: str, way: str, tmp_path: Path
) -> None:
    found = case(tuner, objective, way=way)
    model = found.bundle.model
    declared = {id(p) for group in found.tuner.groups(model) for p in group.parameters}
    names = {name for name, p in model.named_parameters() if id(p) in declared}
    assert names == {name for name, p in model.named_parameters() if p.requires_grad}
    before = found.parameters()
    found.fit(tmp_path)
    moved = {name for name, p in found.parameters().items() if not torch.equal(p, before[name])}
    assert moved
    assert moved <= names


@both
def test_trained_parameters_are_float32_and_in_one_group(
    tuner: str, objective: str, way: str
) -> None:
    found = case(tuner, objective, way=way)
    groups = found.tuner.groups(found.bundle.model)
    listed = [id(p) for group in groups for p in group.parameters]
    assert len(listed) == len(set(listed))
    assert all(p.dtype == torch.float32 for group in groups for p in group.parameters)
    for module in found.bundle.model.modules():
        own = list(module.parameters(recurse=False))
        beside = any(p.requires_grad for p in own)  # a norm takes weight and bias in one type
        frozen = [p for p in own if not p.requires_grad and not (beside and p.ndim < 2)]
        assert all(p.dtype == WAYS[way][0] for p in frozen)


@both
def test_biases_and_norms_do_not_decay(tuner: str, objective: str, way: str) -> None:
    found = case(tuner, objective, way=way)
    decaying = {
        id(p) for g in found.tuner.groups(found.bundle.model) if g.decays for p in g.parameters
    }
    for name, parameter in found.bundle.model.named_parameters():
        if name.endswith("bias") or "norm" in name.lower():
            assert id(parameter) not in decaying, name


@both
def test_the_base_view_gives_back_the_first_outputs(tuner: str, objective: str, way: str) -> None:
    found = case(tuner, objective, way=way)
    first = found.outputs()
    if isinstance(found.tuner, Lengthening):
        first = untouched(found).outputs()
    found.disturb()
    trained = found.outputs()
    assert not is_equal(trained, first, way)
    if not found.tuner.keeps_base:
        with pytest.raises(RecipeError, match="does not keep the base"):
            found.tuner.base(found.bundle.model).__enter__()
        return
    with found.tuner.base(found.bundle.model):
        assert is_equal(found.outputs(), first, way)
    assert torch.equal(found.outputs(), trained)


@both
def test_merged_equals_unmerged(tuner: str, objective: str, way: str) -> None:
    found = case(tuner, objective, way=way)
    if not found.tuner.merges:
        pytest.skip("this tuner does not merge")
    found.disturb()
    before = found.outputs()
    found.bundle.model = found.tuner.merge(found.bundle.model)
    found.run_anew(like=found.bundle.trunk.name)
    if way == "float32":
        assert_close(found.outputs(), before, rtol=1e-4, atol=1e-5)  # one product instead of two
    else:  # every merged weight is rounded, not only the outputs
        assert distance(found.outputs(), before) < 0.05
    assert (
        found.bundle.model.state_dict().keys() == untouched(found).bundle.model.state_dict().keys()
    )


@both
def test_saved_state_restores_the_same_outputs(tuner: str, objective: str, way: str) -> None:
    found = case(tuner, objective, way=way)
    found.disturb()
    state = {k: v.clone() for k, v in found.tuner.state(found.bundle.model).items()}
    other = case(tuner, objective, seed=1, way=way)
    other.tuner.restore(other.bundle.model, state)
    assert torch.equal(other.outputs(), found.outputs())


@both
def test_a_state_that_does_not_fit_is_refused(tuner: str, objective: str, way: str) -> None:
    found = case(tuner, objective, way=way)
    state = dict(found.tuner.state(found.bundle.model))
    name = next(iter(state))
    before = found.outputs()
    broken = {**state, name: torch.zeros(3, 5, 7)}
    with pytest.raises(RunError, match=r"got shape \(3, 5, 7\)"):
        found.tuner.restore(found.bundle.model, broken)
    del state[name]
    with pytest.raises(RunError, match="missing"):
        found.tuner.restore(found.bundle.model, state)
    with pytest.raises(RunError, match="unknown: surplus"):
        found.tuner.restore(found.bundle.model, {**broken, "surplus": torch.zeros(1)})
    assert torch.equal(found.outputs(), before)


@both
def test_the_same_seed_starts_from_the_same_parameters(
    tuner: str, objective: str, way: str
) -> None:
    one = case(tuner, objective, way=way).parameters()
    same = case(tuner, objective, way=way).parameters()
    assert one.keys() == same.keys()
    assert all(torch.equal(one[name], same[name]) for name in one)


@pytest.mark.parametrize(
    ("tuner", "objective"), [pair for pair in TUNED if hasattr(tuners.get(pair[0]), "check")]
)
def test_what_fits_is_told_without_weights(tuner: str, objective: str) -> None:
    found = case(tuner, objective)
    kind, labels = found.bundle.kind, found.bundle.labels
    plain = plain_bundle(kind, labels=labels, **found.model)
    outline = Outline(plain.model.to("meta"), kind, plain.facts)
    assert isinstance(found.tuner, Checking)
    assert found.tuner.check(outline)


@pytest.mark.parametrize(("tuner", "objective"), TUNED)
def test_training_lowers_the_loss(tuner: str, objective: str, tmp_path: Path) -> None:
    writes = "causal_lm" in objectives.get(objective).kinds
    found = case(tuner, objective, **({} if writes else NO_DROPOUT))
    changes = {"epochs": 20, "batch_size": 8, "lr_scheduler_type": "constant", "weight_decay": 0.0}
    events = found.fit(tmp_path, **changes, validation=[], micro_batch_tokens=512)
    losses = [event.loss for event in events if isinstance(event, Updated)]
    assert losses[-1] < 0.9 * losses[0]
