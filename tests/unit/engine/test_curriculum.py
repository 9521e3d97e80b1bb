"""Easy rows first: which are easy, that a continued run knows it, and what is refused."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.contracts.cases import case

from luthier.core.errors import Interrupted, RecipeError
from luthier.core.events import Event, Updated
from luthier.engine.curriculum import easy_first, sorted_by
from luthier.engine.fit import fit
from luthier.engine.job import Job


def silent(done: int, total: int) -> None:
    del done, total


def asked(job: Job, by: Any, folder: Path) -> list[int]:
    return easy_first(job, by, folder / "losses.json", tell=silent)


def test_short_rows_are_easy_and_random_is_no_order(tmp_path: Path) -> None:
    job = case("full", "classify").job(tmp_path)
    lengths = [item.num_tokens for item in job.train]
    found = [lengths[row] for row in asked(job, "length", tmp_path)]
    assert found == sorted(lengths)
    assert asked(job, "random", tmp_path) == []
    assert sorted_by([2.0, math.nan, 1.0, 2.0]) == [2, 0, 3, 1]


@pytest.mark.parametrize(("tuner", "objective"), [("full", "classify"), ("lora", "sft")])
def test_rows_with_little_loss_are_easy(tuner: str, objective: str, tmp_path: Path) -> None:
    found = case(tuner, objective)
    job = found.job(tmp_path)
    was_training = job.bundle.model.training
    places = asked(job, "loss", tmp_path)
    assert job.bundle.model.training == was_training
    job.bundle.model.eval()
    losses = [found.loss([job.train[place]]) for place in places]
    assert losses == pytest.approx(sorted(losses), rel=1e-5)


def test_losses_of_another_training_are_measured_anew(tmp_path: Path) -> None:
    job = case("full", "classify").job(tmp_path)
    places = asked(job, "loss", tmp_path)
    with torch.no_grad():
        for parameter in job.bundle.model.parameters():
            parameter.zero_()
    assert asked(job, "loss", tmp_path) == places  # as the run began
    job.identity = {**job.identity, "data": "other rows"}
    assert asked(job, "loss", tmp_path) == list(range(len(job.train)))  # all are the same now


def test_rows_that_are_compared_have_no_loss_of_their_own(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"training\.order: got 'loss'.*'length' or 'random'"):
        asked(case("full", "contrastive").job(tmp_path), "loss", tmp_path)


def test_a_run_from_easy_to_hard_goes_on_as_if_it_was_never_stopped(tmp_path: Path) -> None:
    def trained(folder: str, *, stop_at: int = 0, **changes: Any) -> list[tuple[int, float]]:
        calls: list[int] = []

        def should_stop() -> bool:
            calls.append(1)
            return 0 < stop_at < len(calls)

        job = case("full", "classify").job(
            tmp_path / folder, save_every=1, should_stop=should_stop, **changes
        )
        job.easy_first = asked(job, "length", tmp_path)
        heard: list[Event] = []
        try:
            heard.extend(fit(job))
        except Interrupted:
            assert stop_at
        return [(event.step, event.loss) for event in heard if isinstance(event, Updated)]

    whole = trained("whole")
    trained("broken", stop_at=2)
    assert trained("broken") == whole[2:]
