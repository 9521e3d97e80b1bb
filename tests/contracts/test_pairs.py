"""Every tuner with every objective: four steps, saved, opened again, the same; or refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tests.contracts.cases import PAIRS, case, kind_of

from luthier.core.errors import RecipeError
from luthier.core.events import Updated
from luthier.objectives import objectives
from luthier.tuners import tuners
from luthier.workflow.check import lacks, refuse_kind, refuse_lost_base


@pytest.mark.parametrize(("tuner", "objective"), PAIRS)
def test_a_pair_trains_saves_and_says_the_same_again(
    tuner: str, objective: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LUTHIER_CACHE", str(tmp_path / "cache"))
    learned, moved = objectives.get(objective), tuners.get(tuner)
    names = (objective, tuner)
    if "reference" in learned.roles and not moved.keeps_base:
        with pytest.raises(RecipeError, match="Use one that does"):
            refuse_lost_base(learned, moved, names=names)
        return
    refuse_lost_base(learned, moved, names=names)
    if lacks(moved, kind_of(objective)):
        with pytest.raises(RecipeError, match="Use one of"):
            refuse_kind(moved, kind_of(objective), names=names)
        return
    refuse_kind(moved, kind_of(objective), names=names)
    found = case(tuner, objective)
    events = found.fit(tmp_path, max_steps=4, evaluate_every=2, save_every=2, cache_bytes=1 << 30)
    assert sum(isinstance(event, Updated) for event in events) == 4
    state = {name: t.clone() for name, t in found.tuner.state(found.bundle.model).items()}
    other = case(tuner, objective, seed=1)
    other.tuner.restore(other.bundle.model, state)
    other.features = found.features
    assert torch.equal(other.outputs(), found.outputs())
