"""Ctrl-C in every stage of a command: exit code 3, one sentence, and the same command goes on."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file
from tests.journeys.desk import QUICK, Desk, desk

SETTINGS = (*QUICK, "training.max_steps=12", "training.save_every=3")
STAGES = [
    *("finding model", "reading data", "checking rows", "loading model", "pre-flight"),
    *("training", "saving", "evaluating", "writing report"),
]


@dataclass(frozen=True)
class Child:
    """How one interrupted command ended."""

    command: str
    share: float
    stage: str
    code: int
    said: str

    @property
    def last_line(self) -> str:
        return self.said.strip().splitlines()[-1]


def drive(place: Desk, plan: Mapping[str, Any]) -> list[Child]:
    """What every child of the plan ended with: see stop_driver.py."""
    file = place.root / "plan.json"
    file.write_text(json.dumps(plan))
    done = subprocess.run(
        [sys.executable, "-m", "tests.journeys.stop_driver", str(place.root), str(file)],
        cwd=Path(__file__).parents[2],
        env={**place.environment, "TOKENIZERS_PARALLELISM": "false"},  # the driver forks
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return [Child(*json.loads(line)) for line in done.stdout.splitlines()]


def train_words(place: Desk) -> list[str]:
    words = ["train", place.data, "--model", place.model, "--out", place.root / "run-{number}"]
    return [*map(str, words), *SETTINGS]


def check_all_stopped(children: list[Child]) -> None:
    """Who was interrupted said one sentence and left with 3; who was left alone did the work."""
    for child in children:
        told = f"{child.command}, {child.stage} at {child.share}: {child.code}\n{child.said}"
        if child.stage in ("unbroken", "left alone"):
            assert child.code in (0, 1), told
            continue
        assert child.code == 3, told
        assert child.said.count("Stopped") == 1, told
        assert child.last_line.startswith("Stopped"), told
        for sign in ("Traceback", "Exception", "Error"):
            assert sign not in child.said, told


def evidence(run: Path) -> dict[str, Any]:
    """The evaluation of a run without what the clock said."""
    found = json.loads((run / "evaluation.json").read_text())
    del found["details"]["seconds"]
    return found


def check_is_whole(place: Desk, number: int) -> None:
    """The run equals the unbroken one to the bit, and nothing half-written lies about."""
    broken, whole = place.root / f"run-{number}", place.root / "run-0"
    assert place.losses(broken) == place.losses(whole)
    ours = load_file(broken / "adapter" / "adapter_model.safetensors")
    theirs = load_file(whole / "adapter" / "adapter_model.safetensors")
    assert ours.keys() == theirs.keys()
    assert all(bool((ours[name] == theirs[name]).all()) for name in ours)
    assert json.loads((broken / "summary.json").read_text())["state"] == "done"
    assert evidence(broken) == evidence(whole)
    assert (broken / "predictions.jsonl").read_bytes() == (whole / "predictions.jsonl").read_bytes()
    assert [path for path in broken.rglob("*") if path.name.startswith(".")] == []


@pytest.mark.parametrize(
    ("share", "presses"), [(0.6, 1), (0.1, 2)], ids=["pressed once", "pressed twice"]
)
def test_a_run_stopped_in_every_stage_ends_as_if_nothing_had_happened(
    share: float, presses: int, tmp_path: Path
) -> None:
    place = desk(tmp_path, num_rows=24)
    plan = {"commands": [train_words(place)], "shares": [share], "presses": presses}
    children = drive(place, plan)
    check_all_stopped(children)
    assert [child.stage for child in children if child.share == share] == [*STAGES, "left alone"]
    check_is_whole(place, 1)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """A desk with a finished run."""
    found = desk(tmp_path_factory.mktemp("desk"), num_rows=24)
    words = [word.replace("run-{number}", "run") for word in train_words(found)]
    code, _, said = found.luthier(*words)
    assert code in (0, 1), said
    return found


def test_every_command_on_a_run_can_be_stopped_and_repeated(place: Desk) -> None:
    run, root = str(place.root / "run"), place.root
    commands = [
        [
            "predict",
            run,
            "--input",
            str(place.data),
            "--output",
            f"{root}/answers-{{number}}.jsonl",
        ],
        ["export", run, "--format", "safetensors", "--out", f"{root}/export-{{number}}"],
        ["chat", run, "--say", "hello"],
        ["evaluate", run],
    ]
    children = drive(place, {"commands": commands, "shares": [0.5], "presses": 1})
    check_all_stopped(children)
    assert {child.command for child in children} == {words[0] for words in commands}
    assert (root / "answers-1.jsonl").read_bytes() == (root / "answers-0.jsonl").read_bytes()
    assert json.loads((root / "export-1" / "manifest.json").read_text())["files"]
    assert [path for path in root.rglob(".*")] == []
