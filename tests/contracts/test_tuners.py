"""Properties that every tuner has, with every objective."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tests.contracts.cases import PAIRS, Case, case, plain_bundle
from torch.testing import assert_close

from luthier.core.config import ComponentConfig
from luthier.core.errors import RecipeError, RunError
from luthier.tuners import tuners

NAMES = tuners.names()
both = pytest.mark.parametrize(("tuner", "objective"), PAIRS)


def fresh_outputs(found: Case) -> torch.Tensor:
    """Outputs of the same model before any tuner."""
    plain = plain_bundle(found.bundle.kind)
    return Case(plain, found.tuner, found.objective, found.rows, found.features).outputs()


@pytest.mark.parametrize("name", NAMES)
def test_a_tuner_declares_its_facts(name: str) -> None:
    component = tuners.get(name)
    assert issubclass(component.Config, ComponentConfig)
    assert component.keeps_base in {True, False}
    assert component.merges in {True, False}
    assert component.__doc__ is not None
    assert component.__doc__.startswith("Trains")


@both
def test_a_fresh_tuner_leaves_outputs_unchanged(tuner: str, objective: str) -> None:
    found = case(tuner, objective)
    assert torch.equal(found.outputs(), fresh_outputs(found))


@both
def test_only_declared_parameters_move(tuner: str, objective: str, tmp_path: Path) -> None:
    found = case(tuner, objective)
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
def test_trained_parameters_are_float32_and_in_one_group(tuner: str, objective: str) -> None:
    model = case(tuner, objective).bundle.model
    groups = case(tuner, objective).tuner.groups(model)
    listed = [id(p) for group in groups for p in group.parameters]
    assert len(listed) == len(set(listed))
    assert all(p.dtype == torch.float32 for group in groups for p in group.parameters)


@both
def test_biases_and_norms_do_not_decay(tuner: str, objective: str) -> None:
    found = case(tuner, objective)
    decaying = {
        id(p) for g in found.tuner.groups(found.bundle.model) if g.decays for p in g.parameters
    }
    for name, parameter in found.bundle.model.named_parameters():
        if name.endswith("bias") or "norm" in name.lower():
            assert id(parameter) not in decaying, name


@both
def test_the_base_view_gives_back_the_first_outputs(tuner: str, objective: str) -> None:
    found = case(tuner, objective)
    first = found.outputs()
    found.disturb()
    trained = found.outputs()
    assert not torch.equal(trained, first)
    if not found.tuner.keeps_base:
        with pytest.raises(RecipeError, match="does not keep the base"):
            found.tuner.base(found.bundle.model).__enter__()
        return
    with found.tuner.base(found.bundle.model):
        assert torch.equal(found.outputs(), first)
    assert torch.equal(found.outputs(), trained)


@both
def test_merged_equals_unmerged(tuner: str, objective: str) -> None:
    found = case(tuner, objective)
    if not found.tuner.merges:
        pytest.skip("this tuner does not merge")
    found.disturb()
    before = found.outputs()
    plain = plain_bundle(found.bundle.kind)
    found.bundle.model = found.tuner.merge(found.bundle.model)
    assert_close(found.outputs(), before, rtol=1e-4, atol=1e-5)  # one product instead of two
    assert found.bundle.model.state_dict().keys() == plain.model.state_dict().keys()


@both
def test_saved_state_restores_the_same_outputs(tuner: str, objective: str) -> None:
    found = case(tuner, objective)
    found.disturb()
    state = {k: v.clone() for k, v in found.tuner.state(found.bundle.model).items()}
    other = case(tuner, objective, seed=1)
    other.tuner.restore(other.bundle.model, state)
    assert torch.equal(other.outputs(), found.outputs())


@both
def test_a_state_that_does_not_fit_is_refused(tuner: str, objective: str) -> None:
    found = case(tuner, objective)
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
def test_the_same_seed_starts_from_the_same_parameters(tuner: str, objective: str) -> None:
    one, same = case(tuner, objective).parameters(), case(tuner, objective).parameters()
    assert one.keys() == same.keys()
    assert all(torch.equal(one[name], same[name]) for name in one)
