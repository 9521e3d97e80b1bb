"""Running out of memory after step 1: the same step in smaller pieces, or an error."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.contracts.cases import case
from tests.unit.engine.scarce import limited, of_length, recomputes

from luthier.core.errors import RunError
from luthier.core.events import Event, Notice, Updated, Validated
from luthier.engine.fit import fit


def notices(events: list[Event]) -> list[str]:
    return [event.text for event in events if isinstance(event, Notice)]


def test_the_same_step_is_taken_in_smaller_pieces(tmp_path: Path) -> None:
    plain = case("lora", "sft").fit(tmp_path / "plain", micro_batch_tokens=500)
    events = limited(45).fit(tmp_path / "limited", micro_batch_tokens=500)
    assert "out of memory; the same again" in notices(events)[0]
    found = [[e.loss for e in each if isinstance(e, Updated)] for each in (plain, events)]
    assert found[1] == pytest.approx(found[0], rel=1e-4)  # float32 sums in another order


@pytest.mark.parametrize("may_recompute", [True, False])
def test_one_row_at_a_time_that_does_not_fit_is_an_error_with_ways_out(
    may_recompute: bool, tmp_path: Path
) -> None:
    with pytest.raises(RunError, match=r"one row of \d+ tokens at a time") as raised:
        limited(10).fit(tmp_path, micro_batch_tokens=500, may_recompute=may_recompute)
    has_hint = "Set training.gradient_checkpointing=true" in str(raised.value)
    assert has_hint != may_recompute  # it is on by then
    assert "ower training.max_length" in str(raised.value)
    assert "the same command continues the run" in str(raised.value)


def test_a_single_row_is_tried_with_activations_formed_again(tmp_path: Path) -> None:
    plain = case("lora", "sft").fit(tmp_path / "plain", micro_batch_tokens=500)
    found = limited(10, fits=recomputes)
    job = found.job(tmp_path / "limited", micro_batch_tokens=500, validation=[])
    events = list(fit(job))
    said = notices(events)[-1]
    assert "the same again with training.gradient_checkpointing=true" in said
    losses = [[e.loss for e in each if isinstance(e, Updated)] for each in (plain, events)]
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)
    assert job.plan.gradient_checkpointing


def test_a_continued_run_goes_on_forming_them_again(tmp_path: Path) -> None:
    settings = {"micro_batch_tokens": 500, "validation": []}
    first = limited(10, fits=recomputes).job(tmp_path, **settings, max_steps=2)
    list(fit(first))
    second = limited(10, fits=recomputes).job(tmp_path, **settings)
    events = list(fit(second))
    assert notices(events) == ["continuing from step 2"]
    assert second.plan.gradient_checkpointing


def test_a_validation_row_that_does_not_fit_is_not_blamed_on_activations(tmp_path: Path) -> None:
    found = limited(60)
    rows = [of_length(row, 30) for row in found.features]
    long = [of_length(rows[0], 100)]
    with pytest.raises(RunError, match="validation after step 2: out of memory") as raised:
        found.fit(tmp_path, train=rows[:2], validation=long, batch_size=2)
    assert "gradient_checkpointing" not in str(raised.value)


def test_a_long_row_that_stands_alone_is_not_tried_for_ever(tmp_path: Path) -> None:
    found = limited(60)
    rows = [of_length(row, size) for row, size in zip(found.features, (100, 8, 8), strict=False)]
    job = found.job(tmp_path, train=rows, validation=[], micro_batch_tokens=500)
    events: list[Event] = []
    with pytest.raises(RunError, match="step 0: out of memory with one row of 100 tokens"):
        events.extend(fit(job))
    assert len(events) <= 2  # three rows together, and the long one alone


@pytest.mark.parametrize("size", [61, 33, 9, 2])
def test_every_micro_batch_that_fails_makes_the_next_smaller(size: int, tmp_path: Path) -> None:
    found = limited(size)
    rows = [of_length(row, 2) for row in found.features]
    job = found.job(tmp_path, train=rows, validation=[], micro_batch_tokens=500, batch_size=8)
    assert sum(isinstance(event, Updated) for event in fit(job)) == 2


def test_a_validation_that_does_not_fit_is_repeated_in_smaller_pieces(tmp_path: Path) -> None:
    plain, found = case("lora", "sft"), limited(60)
    rows = [of_length(row, 30) for row in found.features]
    settings = {"train": rows[:2], "validation": rows, "batch_size": 1}
    expected = plain.fit(tmp_path / "plain", **settings, micro_batch_tokens=500)
    events = found.fit(tmp_path / "limited", **settings, micro_batch_tokens=500)
    assert "validation after step 4: out of memory; the same again" in notices(events)[0]
    losses = [[e.loss for e in each if isinstance(e, Validated)] for each in (expected, events)]
    assert len(losses[0]) == 1
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)


def test_other_errors_are_not_taken_for_lack_of_memory(tmp_path: Path) -> None:
    found = case("lora", "sft")

    def loss(*_: object) -> None:
        raise RuntimeError("shapes do not match")

    found.objective.loss = loss  # type: ignore[method-assign, assignment]
    with pytest.raises(RuntimeError, match="shapes do not match"):
        found.fit(tmp_path)
