"""A run directory that was moved, edited, emptied or damaged: one sentence, or it simply works."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.torch import load_file
from tests.journeys.desk import QUICK, Desk, desk

from luthier.cli.main import run as luthier

SETTINGS = (*QUICK, "training.max_steps=4")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """A desk with a finished run."""
    found = desk(tmp_path_factory.mktemp("Bücher und Töne"))
    words = ["train", found.data, "--model", found.model, "--out", found.root / "whole", *SETTINGS]
    code, _, said = found.luthier(*words)
    assert code in (0, 1), said
    return found


@pytest.fixture
def run(place: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the run, in a place of its own with a space in its name."""
    for name, value in place.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    return shutil.copytree(place.root / "whole", tmp_path / "mein Lauf")


def write(name: str, content: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_text(content)


def lose(name: str) -> Callable[[Path], object]:
    def remove(folder: Path) -> None:
        path = folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    return remove


def flip(name: str, at: int) -> Callable[[Path], object]:
    def change(folder: Path) -> None:
        content = bytearray((folder / name).read_bytes())
        content[at] ^= 1
        (folder / name).write_bytes(content)

    return change


def change(path: Path, old: str, new: str) -> None:
    path.write_text(path.read_text().replace(old, new))


def nothing(folder: Path) -> None:
    shutil.rmtree(folder)


def emptied(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()


WEIGHTS = "adapter/adapter_model.safetensors"
READS = ("runs show {run}", "runs diff {run} {whole}", "compare {whole} {run}")
USES = ("chat {run} --say hello", "predict {run} --input {data} --output out.jsonl")
USES = (*USES, "export {run} --format adapter --out out", "evaluate {run}")
BROKEN: dict[str, tuple[Callable[[Path], object], tuple[str, ...], str]] = {
    "no folder": (nothing, (*READS, *USES, "train {run}"), "no such f"),
    "an empty folder": (emptied, (*READS, *USES, "train {run}"), "resolved.yaml"),
    "half a summary": (write("summary.json", '{"a":'), READS, "summary.json"),
    "a summary of nothing": (
        write("summary.json", "null"),
        (*READS, "train {run}"),
        "summary.json",
    ),
    "arms that are a number": (write("evaluation.json", '{"arms": 3}'), READS, "evaluation.json"),
    "answers that are none": (write("predictions.jsonl", "[1]\n"), READS[2:], "predictions.jsonl"),
    "bytes for a recipe": (
        lambda folder: (folder / "resolved.yaml").write_bytes(b"\x9d\xff\x00"),
        (*READS, *USES, "train {run}"),
        "resolved.yaml: not UTF-8",
    ),
    "a recipe without a recipe": (
        write("resolved.yaml", "format_version: 1\n"),
        USES[:3],
        "recipe data: missing",
    ),
    "a setting that is none": (
        lambda folder: change(folder / "resolved.yaml", "learning_rate: ", "learning_rate: x"),
        USES,
        "training.learning_rate",
    ),
    "an adapter with a flipped bit": (flip(WEIGHTS, 20000), USES, "its SHA-256 differs"),
    "a manifest of nothing": (write("adapter/manifest.json", "{}"), USES, "manifest.json: cannot"),
    "half a manifest": (write("adapter/manifest.json", "{"), USES, "manifest.json: cannot be read"),
    "no adapter": (lose("adapter"), USES, "nothing was trained yet. Continue it: luthier train"),
    "no parity rows": (lose("prompts.json"), USES[2:3], "prompts.json"),
    "no evaluation": (lose("evaluation.json"), READS[2:], "luthier evaluate"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_run_is_one_message_and_exit_code_2(
    name: str, place: Desk, run: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    break_it, commands, says = BROKEN[name]
    break_it(run)
    for command in commands:
        fill = {"run": run, "whole": place.root / "whole", "data": place.data}
        capfd.readouterr()
        code = luthier([word.format(**fill) for word in command.split()])
        said = capfd.readouterr().err
        assert code == 2, f"{command}: {code}\n{said}"
        assert says in said.splitlines()[-1], f"{command}:\n{said}"
        assert "Traceback" not in said


def test_a_lost_adapter_comes_back_from_the_checkpoint(place: Desk, run: Path) -> None:
    lose("adapter")(run)
    assert luthier(["train", str(run)]) in (0, 1)
    ours, theirs = load_file(run / WEIGHTS), load_file(place.root / "whole" / WEIGHTS)
    assert all(bool((ours[name] == theirs[name]).all()) for name in theirs)


def test_a_new_evaluation_is_the_one_that_the_list_of_runs_shows(
    run: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write("evaluation.json", '{"arms": {}, "verdict": {"outcome": "x", "metric": "y"}}')(run)
    summary = json.loads((run / "summary.json").read_text())
    (run / "summary.json").write_text(json.dumps({**summary, "verdict": "out of date"}))
    assert luthier(["evaluate", str(run), "evaluation.max_rows=2"]) in (0, 1)
    capfd.readouterr()
    assert luthier(["runs", "list", "--root", str(run.parent), "--json"]) == 0
    (listed,) = json.loads(capfd.readouterr().out)["runs"]
    found = json.loads((run / "evaluation.json").read_text())
    assert listed["verdict"] == found["verdict"]["outcome"]


def test_predictions_that_cannot_be_written_are_refused_before_anything_is_loaded(
    place: Desk, run: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (run / "file").write_text("")
    for output in (run, run / "file" / "out.jsonl"):
        words = ["predict", str(run), "--input", str(place.data), "--output", str(output)]
        assert luthier(words) == 2
        said = capfd.readouterr().err
        assert str(output) in said
        assert "loading model" not in said
