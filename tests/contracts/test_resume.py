"""A stopped and continued run equals an unbroken one exactly, for every pair."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tests.contracts.cases import PAIRS, Case, case

from luthier.core.errors import Interrupted
from luthier.core.events import Event, Updated, Validated
from luthier.engine.fit import fit
from luthier.engine.optimizer import open_optimizer
from luthier.engine.resume import resume

SETTINGS = {"evaluate_every": 2, "save_every": 2}


def logged(events: list[Event]) -> list[tuple]:
    """What the events say about the training itself, not about the clock."""
    found: list[tuple] = []
    for event in events:
        if isinstance(event, Updated):
            found.append((event.step, event.loss, event.gradient_norm, event.learning_rate))
        elif isinstance(event, Validated):
            found.append((event.step, event.loss, event.is_best))
    return found


def tensors(found: Case, folder: Path) -> dict[str, torch.Tensor]:
    """Every weight, and the optimizer state of the newest checkpoint."""
    job = found.job(folder)
    optimizer = open_optimizer(job)
    resume(job, optimizer)
    return {**found.parameters(), **optimizer.state()}


@pytest.mark.parametrize(("tuner", "objective"), PAIRS)
@pytest.mark.parametrize("stop_at", [0, 1, 3])
def test_stopping_and_continuing_changes_nothing(
    tuner: str, objective: str, stop_at: int, tmp_path: Path
) -> None:
    settings = {"dropout": 0.1} if tuner == "lora" else {}
    whole = case(tuner, objective, settings=settings)
    expected = logged(whole.fit(tmp_path / "whole", **SETTINGS))
    broken = case(tuner, objective, settings=settings)
    asked: list[int] = []

    def should_stop() -> bool:
        asked.append(1)
        return len(asked) > stop_at

    events: list[Event] = []
    job = broken.job(tmp_path / "broken", **SETTINGS, should_stop=should_stop)
    with pytest.raises(Interrupted, match=f"after step {stop_at} of 6"):
        events.extend(fit(job))
    continued = case(tuner, objective, settings=settings)
    events += continued.fit(tmp_path / "broken", **SETTINGS)
    assert logged(events) == expected
    one, other = tensors(whole, tmp_path / "whole"), tensors(continued, tmp_path / "broken")
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)
