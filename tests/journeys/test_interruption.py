"""Stopped at any moment and started again: the run ends as if nothing had happened."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest
from safetensors.torch import load_file
from tests.journeys.desk import QUICK, Desk, desk

SETTINGS = (*QUICK, "training.epochs=30", "training.save_every=3", "training.learning_rate=0.003")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return desk(tmp_path_factory.mktemp("desk"), num_rows=24)


@pytest.fixture(scope="module")
def unbroken(place: Desk) -> Path:
    out = place.root / "unbroken"
    words = ["train", place.data, "--model", place.model, "--out", out, *SETTINGS]
    code, _, said = place.luthier(*words)
    assert code in (0, 1), said
    return out


def stop_at(place: Desk, out: Path, number: signal.Signals, *, updates: int) -> int:
    """Start a run, send `number` once it logged so many updates; its exit code."""
    words = ["train", place.data, "--model", place.model, "--out", out, *SETTINGS]
    process = place.start(*words)
    end = time.monotonic() + 120
    while time.monotonic() < end and process.poll() is None:
        if (out / "metrics.jsonl").exists() and len(place.losses(out)) >= updates:
            process.send_signal(number)
            break
        time.sleep(0.01)
    process.communicate(timeout=120)
    return process.returncode


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 3), (signal.SIGTERM, 3), (signal.SIGKILL, -9)]
)
def test_a_stopped_run_continues_bit_by_bit(
    place: Desk, unbroken: Path, number: signal.Signals, code: int
) -> None:
    out = place.root / number.name
    assert stop_at(place, out, number, updates=7) == code
    again, _, said = place.luthier("train", out)
    assert again in (0, 1), said
    assert place.losses(out) == place.losses(unbroken)
    ours = load_file(out / "adapter" / "adapter_model.safetensors")
    theirs = load_file(unbroken / "adapter" / "adapter_model.safetensors")
    assert ours.keys() == theirs.keys()
    assert all(bool((ours[name] == theirs[name]).all()) for name in ours)


def test_a_changed_recipe_is_refused_by_name(place: Desk, unbroken: Path) -> None:
    words = ["train", place.data, "--model", place.model, "--out", unbroken, *SETTINGS]
    code, _, said = place.luthier(*words, "training.weight_decay=0.5")
    assert code == 2
    assert "training.weight_decay" in said


def test_a_changed_data_file_is_refused_by_name(tmp_path: Path) -> None:
    other = desk(tmp_path, num_rows=24)
    out = other.root / "run"
    words = ["train", other.data, "--model", other.model, "--out", out, *SETTINGS]
    assert stop_at(other, out, signal.SIGINT, updates=3) == 3
    with other.data.open("a", encoding="utf-8") as file:
        file.write(other.data.read_text(encoding="utf-8").splitlines()[0].replace("0", "99") + "\n")
    code, _, said = other.luthier(*words)
    assert code == 2
    assert "rows.jsonl changed" in said


def test_a_second_process_is_refused_with_the_pid_of_the_first(place: Desk) -> None:
    out = place.root / "locked"
    settings = [*QUICK, "training.epochs=300", "training.save_every=50"]
    words = ["train", place.data, "--model", place.model, "--out", out, *settings]
    first = place.start(*words)
    end = time.monotonic() + 120
    while time.monotonic() < end and not (out / "metrics.jsonl").exists():
        time.sleep(0.02)
    code, _, said = place.luthier(*words)
    first.send_signal(signal.SIGINT)
    first.communicate(timeout=60)
    assert code == 2
    assert str(first.pid) in said


def test_a_learning_rate_of_ten_is_warned_of_and_never_called_better(place: Desk) -> None:
    out = place.root / "wild"
    words = ["train", place.data, "--model", place.model, "--out", out, *QUICK]
    code, document, said = place.luthier(*words, "training.learning_rate=10", "training.epochs=20")
    assert code in (0, 1), said
    assert "expect the loss to diverge" in said
    assert code == 1 or document["verdict"]["outcome"] != "better", said
