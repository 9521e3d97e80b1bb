"""What frozen layers give is computed once, and training with it is training without it."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from tests.contracts.cases import Case, case
from tests.unit.keeping.arranged import arranged, build, setting

from luthier.core.errors import Interrupted
from luthier.core.events import Event, Notice, Updated, Validated
from luthier.engine import frozen, room
from luthier.engine.experience import imagined
from luthier.engine.fit import fit
from luthier.engine.preflight import preflight
from luthier.models.trunks import Divisible

MUCH = 1 << 30
QUIET: dict[str, Any] = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
WAYS = [
    ("last_layers", "classify", "float32"),
    ("last_layers", "sft", "float32"),
    ("last_layers", "classify", "bfloat16"),
    ("last_layers", "sft", "bfloat16"),
    ("head", "classify", "float32"),
    ("head", "sft", "float32"),
    ("head", "classify", "bfloat16"),
    ("head", "lm", "bfloat16"),
]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LUTHIER_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "states"


def made(tuner: str, objective: str, way: str, **model: Any) -> Case:
    quiet = QUIET if objective == "classify" else {}
    return case(tuner, objective, way=way, num_hidden_layers=3, **{**quiet, **model})


def losses(events: list[Event]) -> list[float]:
    return [event.loss for event in events if isinstance(event, Updated | Validated)]


def notes(events: list[Event]) -> str:
    return "\n".join(event.text for event in events if isinstance(event, Notice))


class Counting:
    """How many sequences the frozen layers were run for, in training and before it."""

    def __init__(self, found: Case, monkeypatch: pytest.MonkeyPatch) -> None:
        trunk: Any = found.bundle.trunk
        assert isinstance(trunk, Divisible)
        self.count, lower = 0, trunk.lower

        def counted(batch: Any) -> Any:
            self.count += len(batch.lengths)
            return lower(batch)

        monkeypatch.setattr(trunk, "lower", counted)


@pytest.mark.parametrize(("tuner", "objective", "way"), WAYS)
def test_losses_and_weights_are_those_of_an_uncached_run(
    tuner: str, objective: str, way: str, tmp_path: Path
) -> None:
    plain, kept = made(tuner, objective, way), made(tuner, objective, way)
    expected = losses(plain.fit(tmp_path / "plain", epochs=3))
    events = kept.fit(tmp_path / "kept", epochs=3, cache_bytes=MUCH)
    assert "computed once" in notes(events)
    # the same rows side by side with others: products are added up in another order
    tolerance = 1e-5 if way == "float32" else 2e-2
    assert losses(events) == pytest.approx(expected, rel=tolerance)
    if way == "float32":
        one, other = plain.parameters(), kept.parameters()
        for name, value in one.items():
            torch.testing.assert_close(other[name], value, rtol=1e-4, atol=1e-5)


def test_dropout_of_what_moves_is_drawn_alike_with_and_without_the_cache(tmp_path: Path) -> None:
    noisy = {"hidden_dropout_prob": 0.3, "attention_probs_dropout_prob": 0.0}
    plain, kept = (made("last_layers", "classify", "float32", **noisy) for _ in range(2))
    expected = losses(plain.fit(tmp_path / "plain", epochs=3))
    found = losses(kept.fit(tmp_path / "kept", epochs=3, cache_bytes=MUCH))
    assert found == pytest.approx(expected, rel=1e-5)
    still = made("last_layers", "classify", "float32")
    assert losses(still.fit(tmp_path / "still", epochs=3)) != pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("way", ["float32", "bfloat16"])
def test_a_cached_run_with_another_dropout_is_the_uncached_one(way: str, tmp_path: Path) -> None:
    def run(name: str, **settings: Any) -> list[Event]:
        found, option = made("last_layers", "classify", way), build("dropout", share=0.3)
        option.prepare(setting(found))
        return found.fit(tmp_path / name, epochs=3, keepers=[option], **settings)

    expected, events = run("plain"), run("kept", cache_bytes=MUCH)
    assert "computed once" in notes(events)
    assert losses(events) == pytest.approx(losses(expected), rel=1e-5 if way == "float32" else 2e-2)


def test_every_row_goes_through_the_frozen_layers_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = made("last_layers", "sft", "float32")
    counting = Counting(found, monkeypatch)
    found.fit(tmp_path, epochs=4, cache_bytes=MUCH)
    assert counting.count == len(found.features) + 4  # and four sequences for the name


def test_another_run_of_the_same_rows_reads_what_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = made("last_layers", "sft", "float32")
    expected = losses(one.fit(tmp_path / "one", epochs=3, cache_bytes=MUCH))
    other = made("last_layers", "sft", "float32")
    counting = Counting(other, monkeypatch)
    events = other.fit(tmp_path / "other", epochs=3, cache_bytes=MUCH)
    assert losses(events) == expected  # to the bit
    assert "read from" in notes(events)
    assert counting.count == 4


@pytest.mark.parametrize("is_lost", [False, True])
def test_a_continued_run_is_the_unbroken_one_to_the_bit(
    is_lost: bool, tmp_path: Path, home: Path
) -> None:
    settings: dict[str, Any] = {"epochs": 3, "cache_bytes": MUCH, "save_every": 2}
    whole = made("last_layers", "sft", "bfloat16")
    expected = losses(whole.fit(tmp_path / "whole", **settings))
    asked: list[int] = []
    job = made("last_layers", "sft", "bfloat16").job(tmp_path / "broken", **settings)
    job.should_stop = lambda: bool(asked.append(1)) or len(asked) > 4
    events: list[Event] = []
    with pytest.raises(Interrupted):
        events.extend(fit(job))
    if is_lost:
        for path in home.rglob("*"):
            path.unlink() if path.is_file() else None
    continued = made("last_layers", "sft", "bfloat16")
    events += continued.fit(tmp_path / "broken", **settings)
    assert losses(events) == expected
    one, other = whole.parameters(), continued.parameters()
    assert all(torch.equal(other[name], value) for name, value in one.items())


@pytest.mark.parametrize(
    "change", [{"seed": 1}, {"num_hidden_layers": 4}, {"rms_norm_eps": 1e-3}], ids=str
)
def test_another_model_has_states_of_its_own(
    change: dict[str, Any], tmp_path: Path, home: Path
) -> None:
    made("last_layers", "sft", "float32").fit(tmp_path / "a", epochs=3, cache_bytes=MUCH)
    settings = {"num_hidden_layers": 3, **change}
    other = case("last_layers", "sft", **settings)
    plain = case("last_layers", "sft", **settings)
    if "seed" in change:  # of the model, not of the training
        for found in (other, plain):
            for parameter in found.bundle.model.parameters():
                parameter.data.mul_(1.01)
    found = losses(other.fit(tmp_path / "b", epochs=3, cache_bytes=MUCH))
    assert len(list(home.iterdir())) == 2
    assert found == pytest.approx(losses(plain.fit(tmp_path / "c", epochs=3)), rel=1e-5)


def test_other_rows_have_states_of_their_own(tmp_path: Path, home: Path) -> None:
    found = made("last_layers", "sft", "float32")
    found.fit(tmp_path / "a", epochs=3, cache_bytes=MUCH)
    less = made("last_layers", "sft", "float32")
    less.fit(tmp_path / "b", epochs=3, cache_bytes=MUCH, train=less.features[1:])
    assert len(list(home.iterdir())) == 2


def test_what_does_not_fit_is_computed_as_before_and_said(tmp_path: Path) -> None:
    plain, kept = (made("last_layers", "sft", "float32") for _ in range(2))
    expected = losses(plain.fit(tmp_path / "plain", epochs=3))
    few = sum(item.num_tokens for item in kept.features[:3]) * 32 * 4
    events = kept.fit(tmp_path / "kept", epochs=3, cache_bytes=few)
    assert "3 of 8 sequences (training.cache_bytes" in notes(events)
    assert losses(events) == pytest.approx(expected, rel=1e-5)
    nothing = made("last_layers", "sft", "float32").fit(tmp_path / "no", epochs=3, cache_bytes=8)
    assert "computed anew in every epoch: room for 0 of 8" in notes(nothing)
    assert losses(nothing) == expected


def test_old_states_make_room_for_new_ones(tmp_path: Path, home: Path) -> None:
    found = made("last_layers", "sft", "float32")
    size = sum(item.num_tokens for item in found.features) * 32 * 4
    found.fit(tmp_path / "a", epochs=3, cache_bytes=size + 8)
    first = {path.name for path in home.iterdir()}
    less = made("last_layers", "sft", "float32")
    less.fit(tmp_path / "b", epochs=3, cache_bytes=size + 8, train=less.features[1:])
    assert len(list(home.iterdir())) == 1
    assert {path.name for path in home.iterdir()} != first


def test_a_disk_that_cannot_be_written_costs_time_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(frozen, "fill", full)
    plain, kept = (made("last_layers", "sft", "float32") for _ in range(2))
    events = kept.fit(tmp_path / "kept", epochs=3, cache_bytes=MUCH)
    assert "could not be written or read (No space left on device)" in notes(events)
    assert losses(events) == losses(plain.fit(tmp_path / "plain", epochs=3))


def test_a_folder_that_another_process_removed_costs_time_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(folder: Path, trunk: Any) -> None:
        del trunk
        raise FileNotFoundError(2, "No such file or directory", str(folder))

    monkeypatch.setattr(frozen, "Kept", gone)
    plain, kept = (made("last_layers", "sft", "float32") for _ in range(2))
    events = kept.fit(tmp_path / "kept", epochs=3, cache_bytes=MUCH)
    assert "could not be written or read (No such file or directory)" in notes(events)
    assert losses(events) == losses(plain.fit(tmp_path / "plain", epochs=3))


def test_what_another_process_is_writing_is_left_alone(home: Path) -> None:
    writing, left_over = home / ".a.x1", home / ".b.x2"
    for folder in (writing, left_over):
        folder.mkdir(parents=True)
        (folder / "values.bin").write_bytes(bytes(100))
    os.utime(left_over, (0, 0))
    room.make_room(home / "c", 100, 100)
    assert writing.is_dir()
    assert not left_over.exists()


def test_states_on_a_short_disk_are_found_again(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = sum(item.num_tokens for item in made("last_layers", "sft", "float32").features) * 32 * 4

    def usage(_: Path) -> Any:  # a disk with room for these states twice, and nothing more
        held = sum(path.stat().st_size for path in home.rglob("*") if path.is_file())
        return SimpleNamespace(free=2 * size + 8 - held)

    monkeypatch.setattr("luthier.engine.room.shutil.disk_usage", usage)
    found: list[str] = []
    for out in ("one", "other"):
        case = made("last_layers", "sft", "float32")
        found.append(notes(case.fit(tmp_path / out, epochs=3, cache_bytes=MUCH)))
    assert "computed once" in found[0]
    assert "read from" in found[1]
    assert len(list(home.iterdir())) == 1


@pytest.mark.parametrize("objective", ["grpo", "ppo"])
def test_an_objective_that_explores_trains_without_the_cache_and_says_so(
    objective: str, tmp_path: Path, home: Path
) -> None:
    found = made("last_layers", objective, "float32")
    settings: dict[str, Any] = {"epochs": 6, "max_steps": 12, "cache_bytes": MUCH}
    trial = imagined(found.job(tmp_path / "trial", **settings))
    assert not preflight(trial).event.details["seconds_frozen_part"]
    events = found.fit(tmp_path / "run", **settings)
    assert "anew in every epoch: what is learned from is written by the model" in notes(events)
    assert sum(isinstance(event, Updated) for event in events) == 12
    assert not home.exists()


def test_rows_that_change_each_time_are_not_kept_and_the_forecast_knows(
    tmp_path: Path, home: Path
) -> None:
    options = [build("neftune"), build("augment")]
    found, fields = arranged("last_layers", "classify", options, num_hidden_layers=3, **QUIET)
    settings: dict[str, Any] = {"epochs": 3, "cache_bytes": MUCH, **fields}
    trial = preflight(found.job(tmp_path / "trial", **settings))
    assert not trial.event.details["seconds_frozen_part"]
    events = found.fit(tmp_path / "run", **settings)
    assert "anew in every epoch: with keep.neftune and keep.augment a row is" in notes(events)
    assert not home.exists()


def test_another_share_of_dropout_leaves_what_is_frozen_alone(tmp_path: Path) -> None:
    found: list[list[float]] = []
    for out, most in (("plain", 0), ("kept", MUCH)):
        options = [build("dropout", share=0.3)]
        case, fields = arranged("last_layers", "classify", options, num_hidden_layers=3)
        events = case.fit(tmp_path / out, epochs=3, cache_bytes=most, **fields)
        assert ("computed once" in notes(events)) == bool(most)
        found.append(losses(events))
    assert found[1] == pytest.approx(found[0], rel=1e-5)  # products added up in another order


def test_rows_that_are_seen_once_are_not_kept(tmp_path: Path, home: Path) -> None:
    found = made("last_layers", "sft", "float32")
    events = found.fit(tmp_path, epochs=1, cache_bytes=MUCH)
    assert "layers" not in notes(events)
    assert not home.exists()


def test_the_forecast_counts_frozen_layers_once(tmp_path: Path) -> None:
    found = made("last_layers", "sft", "float32")
    with_it = preflight(found.job(tmp_path, epochs=30, cache_bytes=MUCH)).event
    without = preflight(found.job(tmp_path, epochs=30)).event
    assert with_it.details["seconds_frozen_part"]
    assert not without.details["seconds_frozen_part"]
