"""What ends a run, and which weights are kept."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
import torch
from tests.contracts.cases import case

from luthier.core.events import Event, Finished, Notice, Saved, Updated, Validated
from luthier.engine import checkpoint
from luthier.engine.fit import fit


def test_time_ends_a_run(tmp_path: Path) -> None:
    events = case("lora", "sft").fit(tmp_path, max_seconds=1e-9)
    assert sum(isinstance(event, Updated) for event in events) == 1
    assert isinstance(events[-1], Finished)
    assert events[-1].why == "max_seconds"


@pytest.mark.parametrize("part", ["validation", "save", "listener"])
def test_time_counts_everything_not_updates_alone(
    part: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A clock that stands still but for an hour in one part, at every step."""
    now = [0.0]
    monkeypatch.setattr("luthier.engine.fit.time.perf_counter", lambda: now[0])
    found = case("lora", "sft")
    job = found.job(tmp_path, max_seconds=5000, evaluate_every=1, save_every=1)
    events: list[Event] = []
    for event in fit(job):
        slow = {"validation": Validated, "save": Saved, "listener": Updated}[part]
        now[0] += 3600 * isinstance(event, slow)  # as long as whoever listens takes
        events.append(event)
    assert [event.step for event in events if isinstance(event, Updated)] == [1, 2, 3]
    assert [type(event) for event in events[-3:]] == [Validated, Saved, Finished]
    assert isinstance(events[-1], Finished)
    assert events[-1].why == "max_seconds"
    assert events[-1].seconds == 0


def test_no_better_validation_for_so_long_ends_a_run(tmp_path: Path) -> None:
    found = case("lora", "sft")
    events = found.fit(
        tmp_path, learning_rate=1.0, epochs=50, evaluate_every=1, early_stopping_patience=3
    )
    validated = [event for event in events if isinstance(event, Validated)]
    assert isinstance(events[-1], Finished)
    assert events[-1].why == "early_stopping"
    assert [event.is_best for event in validated[-3:]] == [False] * 3


def test_the_best_weights_come_back_not_the_last(tmp_path: Path) -> None:
    found = case("lora", "sft")
    job = found.job(tmp_path, learning_rate=1.0, epochs=10, evaluate_every=1, save_every=4)
    kept: dict[int, dict[str, torch.Tensor]] = {}
    for event in fit(job):
        if isinstance(event, Validated) and event.is_best:
            kept[event.step] = found.parameters()
    checkpoint.load_best(job)
    best = kept[max(kept)]
    assert all(torch.equal(p, best[name]) for name, p in found.parameters().items())
    assert isinstance(event, Finished)
    assert event.kept_step == max(kept)


def test_the_best_step_is_that_with_the_most_of_the_objectives_own_metric(tmp_path: Path) -> None:
    found = case("full", "tag")
    rows = {"train": found.features[3:], "validation": found.features[:3]}
    settings = {"learning_rate": 5e-3, "epochs": 12, "evaluate_every": 1, "best_by": "f1"}
    job = found.job(tmp_path, **rows, **settings)
    validated = [event for event in fit(job) if isinstance(event, Validated)]
    best = max(validated, key=lambda event: (event.metrics["f1"], -event.loss))
    assert best.step != min(validated, key=lambda event: event.loss).step  # a rule that matters
    loaded, _ = checkpoint.load_best(job)
    assert loaded.step == best.step
    assert loaded.state["progress"]["best_loss"] == best.loss


def test_a_validation_that_says_little_chooses_no_step(tmp_path: Path) -> None:
    found = case("lora", "sft")
    settings = {"learning_rate": 1.0, "epochs": 4, "evaluate_every": 1}
    patience = {"early_stopping_patience": 1}
    job = found.job(tmp_path, fewest_targets=10**6, **settings, **patience)
    events = list(fit(job))
    validated = [event for event in events if isinstance(event, Validated)]
    assert any(one.loss < other.loss for one, other in pairwise(validated))  # a rule that matters
    assert all(event.is_kept and not event.is_best for event in validated)
    assert sum("too few to choose" in e.text for e in events if isinstance(e, Notice)) == 1
    loaded, _ = checkpoint.load_best(job)
    assert loaded.step == validated[-1].step
    assert isinstance(events[-1], Finished)
    assert events[-1].why == "epochs"


def test_only_the_newest_checkpoints_stay_besides_the_best(tmp_path: Path) -> None:
    found = case("lora", "sft")
    events = found.fit(tmp_path, epochs=2, save_every=1, evaluate_every=1, keep_checkpoints=2)
    saved = [event.step for event in events if isinstance(event, Saved)]
    assert saved == [1, 2, 3, 4, 5, 6]
    names = sorted(path.name for path in (tmp_path / "checkpoints").iterdir())
    assert [name for name in names if name.startswith("step")] == ["step-000005", "step-000006"]
    assert any(name.startswith("best") for name in names)


def best_folders(folder: Path) -> list[int]:
    return sorted(int(path.name[5:]) for path in (folder / "checkpoints").glob("best-*"))


@pytest.mark.parametrize(("save_every", "most"), [(0, 1), (3, 3)])
def test_best_weights_that_nothing_needs_are_removed_at_once(
    save_every: int, most: int, tmp_path: Path
) -> None:
    """At most the newest, and one for each of the two checkpoints kept."""
    found = case("lora", "sft")
    settings = {"epochs": 4, "learning_rate": 1e-3, "lr_scheduler_type": "constant"}
    bests: list[int] = []
    for event in fit(found.job(tmp_path, **settings, evaluate_every=1, save_every=save_every)):
        if isinstance(event, Validated):
            bests += [event.step] if event.is_best else []
            assert len(best_folders(tmp_path)) <= most
            assert best_folders(tmp_path)[-1] == bests[-1]
    assert len(bests) > 6


def test_the_best_weights_that_a_kept_step_refers_to_stay(tmp_path: Path) -> None:
    found = case("lora", "sft")
    job = found.job(tmp_path, epochs=4, learning_rate=1e-3, evaluate_every=1, save_every=2)
    for event in fit(job):
        if isinstance(event, Validated) and event.is_best and event.step == 7:
            break
    assert best_folders(tmp_path) == [4, 6, 7]  # of step-4, of step-6, and the newest


def test_a_finished_run_is_not_trained_again(tmp_path: Path) -> None:
    case("lora", "sft").fit(tmp_path)
    again = case("lora", "sft").fit(tmp_path)
    assert [type(event) for event in again] == [Notice, Finished]
