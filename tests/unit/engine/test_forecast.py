"""What the run will take in memory, on disk and in time, and the refusal when that is too much."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tests.contracts.cases import WAYS, Case, case

from luthier.core.errors import RunError
from luthier.core.events import Saved, Validated
from luthier.engine import budget
from luthier.engine.fit import fit
from luthier.engine.optimizer import Optimizer
from luthier.engine.preflight import preflight
from luthier.engine.rehearsal import kept_bytes
from luthier.objectives import Part


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def details(found: Case, folder: Path, **changes: Any) -> dict[str, Any]:
    return preflight(found.job(folder, **changes)).document()["details"]


@pytest.mark.parametrize(
    "settings",
    [
        {"save_every": 0, "evaluate_every": 1},
        {"save_every": 1, "evaluate_every": 1, "keep_checkpoints": 2},
        {"save_every": 3, "evaluate_every": 2, "keep_checkpoints": 1},
        {"save_every": 2, "validation": []},
    ],
)
def test_the_disk_that_is_predicted_is_what_a_run_comes_to(
    settings: dict[str, Any], tmp_path: Path
) -> None:
    """Every validation is the best so far; the result is as large as the weights."""
    found = case("full", "sft", hidden_size=64)
    job = found.job(tmp_path, epochs=4, learning_rate=1e-3, **settings)
    predicted = preflight(job).event.disk_bytes
    weights = sum(p.numel() * p.element_size() for p in found.bundle.model.parameters())
    most = 0
    for event in fit(job):
        if isinstance(event, Saved | Validated):
            most = max(most, size_of(job.checkpoints))
            assert isinstance(event, Saved) or event.is_kept
    # one more whole state, while it is written, is not seen here
    most = max(most, size_of(job.checkpoints) + weights)
    assert most <= 1.05 * predicted
    assert most + 3.2 * weights >= predicted


def test_a_disk_that_is_too_small_is_refused_with_what_is_needed(tmp_path: Path) -> None:
    job = case("full", "sft").job(tmp_path, evaluate_every=1, save_every=1)
    needed = preflight(job).event.disk_bytes
    assert preflight(job, free_disk=needed).event.disk_bytes == needed
    with pytest.raises(RunError, match="checkpoints and the result take up to") as raised:
        preflight(job, free_disk=needed // 2)
    assert "KiB are to be had there" in str(raised.value)
    assert "lower training.keep_checkpoints (now 2)" in str(raised.value)
    assert not job.checkpoints.exists() or list(job.checkpoints.iterdir()) == []


def test_what_is_there_already_needs_no_room_again(tmp_path: Path) -> None:
    job = case("full", "sft").job(tmp_path, evaluate_every=1, save_every=1)
    needed = preflight(job).event.disk_bytes
    list(fit(job))
    again = case("full", "sft").job(tmp_path, evaluate_every=1, save_every=1)
    preflight(again, free_disk=needed - size_of(job.checkpoints))


def test_memory_is_predicted_by_its_parts(tmp_path: Path) -> None:
    found = case("lora", "sft")
    parameters = list(found.bundle.model.parameters())
    trained = sum(p.numel() for p in parameters if p.requires_grad)
    job = found.job(tmp_path)
    parts = preflight(job).document()["details"]
    fullest = budget.fullest(found.features, max_tokens=64, batch_size=job.plan.batch_size)
    assert parts["bytes_activations"] == kept_bytes(job, fullest)
    stored = [*parameters, *found.bundle.model.buffers()]
    assert parts["bytes_weights"] == sum(each.nbytes for each in stored)
    assert parts["bytes_gradients"] == 4 * trained
    assert parts["bytes_optimizer"] == pytest.approx(8 * trained, rel=0.01)
    assert parts["seconds_update"] > 0


def test_the_state_of_word_embeddings_grows_to_the_tokens_of_all_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(WAYS, "fast", (torch.float32, "fast"))
    found = case("full", "classify", way="fast")
    predicted = details(found, tmp_path)["bytes_optimizer"]
    job = found.job(tmp_path, validation=[], epochs=1, save_every=0)
    list(fit(job))
    (folder,) = job.checkpoints.glob("step-*")
    saved = (folder / "optimizer.safetensors").stat().st_size
    assert saved == pytest.approx(predicted, rel=0.1)  # and a header with names


@pytest.mark.parametrize(("micro_batch_tokens", "stand"), [(64, True), (10_000, False)])
def test_the_gradients_of_another_micro_batch_stand_where_a_step_takes_several(
    micro_batch_tokens: int, stand: bool, tmp_path: Path
) -> None:
    found = case("lora", "sft")
    job = found.job(tmp_path, micro_batch_tokens=micro_batch_tokens)
    healthy, seen = found.objective.loss, list[tuple[int, bool]]()

    def loss(models: Any, batch: Any) -> Any:
        trained = [p for p in found.bundle.model.parameters() if p.requires_grad]
        if torch.is_grad_enabled():
            seen.append((batch.num_tokens, trained[0].grad is not None))
        return healthy(models, batch)

    found.objective.loss = loss  # type: ignore[method-assign]
    preflight(job)
    assert max(seen) == (max(size for size, _ in seen), stand)


def test_time_counts_validations_and_saves(tmp_path: Path) -> None:
    job = case("lora", "sft").job(tmp_path, save_every=1, evaluate_every=1)
    trial = preflight(job).document()
    each = trial["details"]
    least = 6 * (each["seconds_update"] + each["seconds_evaluation"] + each["seconds_save"])
    assert trial["seconds"] > least


def test_time_counts_what_exploring_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("luthier.engine.rehearsal.time.perf_counter", lambda: 0.0)
    job = case("lora", "sft").job(tmp_path)
    found = preflight(job, exploring=7.0).event
    assert found.seconds == pytest.approx(7.0 * found.num_steps)


def test_time_is_that_of_rows_of_all_lengths_once_everything_ran_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A micro-batch costs one second and one for each of its tokens, and what is done for the first
    time a thousand more."""
    found, now, first = case("lora", "sft"), [0.0], {"loss": 1000.0, "update": 1000.0}
    monkeypatch.setattr("luthier.engine.rehearsal.time.perf_counter", lambda: now[0])
    healthy_loss, healthy_update = found.objective.loss, Optimizer.update

    def loss(models: Any, batch: Any) -> Any:
        now[0] += 1 + batch.num_tokens + first.pop("loss", 0)
        return healthy_loss(models, batch)

    def update(self: Optimizer, **shares: float) -> None:
        now[0] += 1 + first.pop("update", 0)
        healthy_update(self, **shares)

    found.objective.loss = loss  # type: ignore[method-assign]
    monkeypatch.setattr(Optimizer, "update", update)
    job = found.job(tmp_path, validation=[], save_every=0, micro_batch_tokens=10_000)
    predicted, start = preflight(job).event.seconds, now[0]
    list(fit(job))
    assert predicted == pytest.approx(now[0] - start, rel=0.05)


@pytest.mark.parametrize(("unit", "times"), [("tokens", 1), ("articles", 2)])
def test_other_sources_are_tried_and_what_counts_differently_stands_aside(
    unit: str, times: int, tmp_path: Path
) -> None:
    found = case("lora", "sft")
    parameters = [p for p in found.bundle.model.parameters() if p.requires_grad]
    other = case("lora", "sft").objective
    other.unit = unit  # type: ignore[misc]
    healthy, seen = other.loss, list[tuple[int, bool]]()

    def loss(models: Any, batch: Any) -> Any:
        seen.append((batch.num_tokens, parameters[0].grad is not None))
        return healthy(models, batch)

    other.loss = loss  # type: ignore[method-assign]
    alone = preflight(found.job(tmp_path)).event
    part = Part("other", other, found.features, 1.5)
    both = preflight(found.job(tmp_path, parts=[part])).event
    tokens = found.plan.micro_batch_tokens
    most = budget.fullest(found.features, max_tokens=tokens, batch_size=2)
    assert [size for size, _ in seen] == [sum(item.num_tokens for item in most)]
    assert seen[0][1] == (times == 1)  # aside: before any gradient is there
    trained = sum(p.numel() for p in parameters)
    assert alone.details["bytes_gradients"] == 4 * trained
    assert both.details["bytes_gradients"] == times * 4 * trained


def test_time_counts_other_sources(tmp_path: Path) -> None:
    found = case("lora", "sft")
    part = Part("other", found.objective, found.features, 2.0 * found.plan.batch_size)
    alone = preflight(found.job(tmp_path, save_every=0, validation=[])).event
    both = preflight(found.job(tmp_path, save_every=0, validation=[], parts=[part])).event

    def rows_only(event: Any) -> float:
        spent = event.details["seconds_update"] * event.num_steps + event.details["seconds_save"]
        return (event.seconds - spent) * event.tokens_per_second

    steps, per_step = alone.num_steps, 2 * found.plan.batch_size
    learned = len(found.features) * found.plan.epochs
    times = (learned + steps * per_step) / learned
    assert rows_only(both) == pytest.approx(times * rows_only(alone), rel=0.05)
