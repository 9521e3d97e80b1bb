"""Updates that must not be taken: said, named, and without a trace in the weights."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tests.contracts.cases import Case, case

from luthier.core.errors import Diverged
from luthier.core.events import Event, Notice, Saved, Skipped, Updated
from luthier.engine.accumulate import Measured
from luthier.engine.fit import fit
from luthier.engine.guards import objection
from luthier.engine.progress import Progress


def poisoned(row: int) -> Case:
    """A case whose model gives nan for one row, as an overflow would."""
    found = case("lora", "sft")
    healthy = found.objective.loss

    def loss(models, batch):
        result = healthy(models, batch)
        if row in batch.rows:
            result = type(result)(result.sum * float("nan"), result.count, result.metrics)
        return result

    found.objective.loss = loss  # type: ignore[method-assign]
    return found


def test_the_culprit_row_and_tensors_are_named_and_nothing_is_updated(tmp_path: Path) -> None:
    found = poisoned(5)
    before = found.parameters()
    job = found.job(
        tmp_path, batch_size=8, epochs=1, row_name=lambda row: f"rows.jsonl line {row + 1}"
    )
    events = list(fit(job))
    skipped = [event for event in events if isinstance(event, Skipped)]
    assert len(skipped) == 1
    assert skipped[0].rows == ("rows.jsonl line 6",)
    assert skipped[0].reason == "loss is nan"
    assert skipped[0].tensors
    assert all("lora_" in name for name in skipped[0].tensors)
    after = found.parameters()
    assert all(torch.equal(after[name], before[name]) for name in before)


def test_other_steps_go_on_after_a_skipped_one(tmp_path: Path) -> None:
    events = poisoned(5).fit(tmp_path, batch_size=2, epochs=1)
    assert [type(event) for event in events if isinstance(event, Updated | Skipped)].count(
        Updated
    ) == 3


def test_too_many_in_a_row_end_the_run_with_a_cause(tmp_path: Path) -> None:
    found = case("lora", "sft")
    events: list[Event] = []
    job = found.job(tmp_path, learning_rate=1e4, epochs=60, save_every=1, validation=[])
    with pytest.raises(Diverged) as raised:
        events.extend(fit(job))
    message = str(raised.value)
    assert "5 updates in a row were not taken" in message
    assert "learning rate 10000 is high for tuner 'lora'" in message
    assert "See docs/diverging.md" in message
    saved = [event.step for event in events if isinstance(event, Saved)]
    assert f"checkpoint step-{saved[-1]:06d} is intact" in message
    first_skip = next(event.step for event in events if isinstance(event, Skipped))
    assert saved[-1] < first_skip


@pytest.mark.parametrize(
    ("loss", "history", "first", "is_refused"),
    [
        (19.0, [2.0] * 8, 2.0, False),
        (21.0, [2.0] * 8, 2.0, True),
        (1.5, [0.01] * 8, 3.0, False),  # one hard row among learned ones
        (31.0, [0.01] * 8, 3.0, True),
        (0.05, [0.004] * 64, 0.004, False),  # both are as good as nothing
        (0.9, [0.0] * 64, 0.01, False),
        (1.1, [0.0] * 64, 0.01, True),
        (0.5, [0.01], 0.01, False),  # one loss says little about the next
        (30.0, [2.0] * 7, 2.0, False),
        (101.0, [2.0], 2.0, True),  # no row is that hard
        (50.0, [], 0.0, False),
    ],
)
def test_a_spike_exceeds_the_median_the_first_loss_and_what_is_small_by_itself(
    loss: float, history: list[float], first: float, is_refused: bool
) -> None:
    progress = Progress(history=history, first_loss=first)
    assert bool(objection(Measured(loss, 1.0, 8.0), progress, spike_factor=10.0)) == is_refused


def test_spikes_are_taken_when_the_guard_is_off() -> None:
    progress = Progress(history=[1.0], first_loss=1.0)
    assert objection(Measured(1e9, 1.0, 8.0), progress, spike_factor=0.0) == ""


def test_the_loss_of_an_explorer_may_go_up_and_down_around_0(tmp_path: Path) -> None:
    found = case("lora", "grpo")
    healthy, shifts = found.objective.loss, [0.1] * 9 + [5.0, -5.0] * 3

    def loss(models, batch):
        result = healthy(models, batch)
        return type(result)(result.sum + shifts.pop(0) * result.count, result.count, result.metrics)

    found.objective.loss = loss  # type: ignore[method-assign]
    changes = {"micro_batch_tokens": 10**6, "epochs": 99, "max_steps": 15, "validation": []}
    events = found.fit(tmp_path, **changes)
    assert not shifts
    assert not [event for event in events if isinstance(event, Skipped)]


def test_an_infinite_gradient_under_a_finite_loss_is_refused() -> None:
    found = objection(Measured(1.0, float("inf"), 8.0), Progress(), spike_factor=0.0)
    assert found.startswith("gradient norm is inf")


def test_updates_in_which_every_answer_was_cut_are_told_and_passed_over(tmp_path: Path) -> None:
    found = case("lora", "grpo")
    masking = found.objective.config.model_copy(update={"truncated": "mask", "max_new_tokens": 1})
    found.objective = type(found.objective)(masking)
    before = found.parameters()
    events = found.fit(tmp_path, epochs=99, max_steps=12, validation=[])
    assert not [event for event in events if isinstance(event, Skipped | Updated)]
    told = [event for event in events if isinstance(event, Notice)]
    assert [event.level for event in told] == ["info", "warning", "warning"]
    assert "step 1: every answer was cut" in told[0].text
    assert "for 5 updates in a row nothing was learned" in told[1].text
    assert "Raise objective.max_new_tokens, or set objective.truncated to learn" in told[1].text
    after = found.parameters()
    assert all(torch.equal(after[name], before[name]) for name in before)
