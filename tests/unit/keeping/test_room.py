"""What options of `keep` take in memory, on disk and in time: tried before step 1, and relieved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.contracts.cases import Case
from tests.unit.keeping.arranged import arranged, build, general

from luthier.core.errors import RunError
from luthier.core.events import Notice, Updated
from luthier.engine.fit import fit
from luthier.engine.job import Job
from luthier.engine.preflight import preflight

SETTINGS: dict[str, Any] = {"batch_size": 1, "micro_batch_tokens": 500, "max_steps": 4}


def compared(folder: Path, *, most: int = 500) -> tuple[Case, Job]:
    """A training that compares three general rows in every update, on a device that holds `most`
    tokens at a time."""
    found, fields = arranged("lora", "sft", [build("kl_to_base", rows_per_update=3)])
    trunk: Any = found.bundle.trunk
    hidden = trunk.hidden

    def held(batch: Any, *at: Any) -> Any:
        if batch.num_tokens > most:
            raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory")
        return hidden(batch, *at)

    trunk.hidden = held
    return found, found.job(folder, validation=[], **SETTINGS, **fields)


def longest(found: Case) -> int:
    """Tokens of the longest row: two rows together are more."""
    return max(item.num_tokens for item in (*found.features, *general(found).features))


def test_a_comparison_that_does_not_fit_is_cut(tmp_path: Path) -> None:
    whole, plain = compared(tmp_path / "plain")
    expected = [event.loss for event in fit(plain) if isinstance(event, Updated)]
    _, job = compared(tmp_path / "limited", most=longest(whole))
    events = list(fit(job))
    said = [event.text for event in events if isinstance(event, Notice)]
    assert "step 0: out of memory; the same again with micro-batches of" in said[0]
    losses = [event.loss for event in events if isinstance(event, Updated)]
    assert losses == pytest.approx(expected, rel=1e-4)


def test_the_pre_flight_finds_that_a_comparison_does_not_fit(tmp_path: Path) -> None:
    whole, _ = compared(tmp_path)
    _, job = compared(tmp_path, most=longest(whole))
    trial = preflight(job)
    assert "pre-flight: out of memory; the same again with" in trial.warnings[0]
    assert job.plan.micro_batch_tokens < sum(item.num_tokens for item in general(whole).features)
    assert not [event for event in fit(job) if isinstance(event, Notice)]


def test_weights_that_cannot_be_compared_are_an_error_before_step_1(tmp_path: Path) -> None:
    option = build("l2_sp")
    found, fields = arranged("full", "sft", [option])

    def short(step: int) -> Any:
        del step
        raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory")

    option.penalty = short
    with pytest.raises(RunError, match="pre-flight: out of memory in an option of `keep`") as error:
        preflight(found.job(tmp_path, **fields))
    assert "choose a tuner that moves fewer weights" in str(error.value)


def test_the_forecast_counts_comparisons_and_averages(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"epochs": 200, "save_every": 200}
    found, fields = arranged("full", "sft", [])
    plain = preflight(found.job(tmp_path / "plain", **settings, **fields)).event
    found, fields = arranged("full", "sft", [build("kl_to_base"), build("ema")])
    kept = preflight(found.job(tmp_path / "kept", **settings, **fields)).event
    each = kept.details["seconds_penalties"]
    assert isinstance(each, float)
    assert plain.details["seconds_penalties"] < each
    assert kept.seconds > each * kept.num_steps
    weights = sum(p.numel() * p.element_size() for p in found.bundle.model.parameters())
    assert kept.disk_bytes - plain.disk_bytes >= 2 * weights
