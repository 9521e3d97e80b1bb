"""A stopped and continued run equals an unbroken one exactly, for every tuner and objective."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from tests.contracts.cases import TUNED, WAYS, Case, case

from luthier.core.errors import Interrupted
from luthier.core.events import Event, Updated, Validated
from luthier.engine.fit import fit
from luthier.engine.optimizer import open_optimizer
from luthier.engine.resume import resume
from luthier.objectives import objectives

EACH = sorted({*TUNED, *(("lora", name) for name in objectives.names())})
"""A state that only some pair holds belongs to its tuner or to its objective."""
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


def check(build: Callable[[], Case], stop_at: int, folder: Path) -> dict[str, torch.Tensor]:
    """Train in one go, and stopped and continued; the tensors that are the same in both."""
    whole = build()
    heard = whole.fit(folder / "whole", **SETTINGS)
    expected, steps = logged(heard), sum(isinstance(event, Updated) for event in heard)
    asked: list[int] = []

    def should_stop() -> bool:
        asked.append(1)
        return len(asked) > stop_at

    events: list[Event] = []
    job = build().job(folder / "broken", **SETTINGS, should_stop=should_stop)
    with pytest.raises(Interrupted, match=f"after step {stop_at} of {steps};"):
        events.extend(fit(job))
    continued = build()
    events += continued.fit(folder / "broken", **SETTINGS)
    assert logged(events) == expected
    one, other = tensors(whole, folder / "whole"), tensors(continued, folder / "broken")
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)
    return one


@pytest.mark.parametrize(("tuner", "objective"), EACH)
@pytest.mark.parametrize("stop_at", [0, 3])
def test_stopping_and_continuing_changes_nothing(
    tuner: str, objective: str, stop_at: int, tmp_path: Path
) -> None:
    settings = {"dropout": 0.1} if tuner == "lora" else {}
    check(lambda: case(tuner, objective, settings=settings), stop_at, tmp_path)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["float32", "bfloat16"])
@pytest.mark.parametrize(
    ("tuner", "objective", "family"),
    [("full", "classify", "bert"), ("lora", "classify", "bert"), ("lora", "sft", "llama")],
)
@pytest.mark.parametrize("stop_at", [1, 3])
def test_it_changes_nothing_on_the_fast_paths(
    tuner: str,
    objective: str,
    family: str,
    dtype: torch.dtype,
    stop_at: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(WAYS, "fast", (dtype, "auto"))

    def build() -> Case:
        found = case(tuner, objective, way="fast")
        assert found.bundle.trunk.name == family
        return found

    found = check(build, stop_at, tmp_path)
    has_rows = any(name.endswith("word_embeddings.weight/rows") for name in found)
    assert has_rows == (tuner == "full")  # moments of the rows seen, no others
