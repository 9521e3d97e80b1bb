"""What a recipe says of training is not lost where its rows are written to files."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from luthier.cli.main import run
from luthier.cli.request import request

RECIPE = """
model: minilm-l6
data:
  train: [{{path: {file}, weight: 3}}]
  mixture: [{{train: {file}, weight: 0.5, objective: classify}}]
  sample: over
  on_overflow: drop
  augment: {{words: 1}}
  time_by: id
  test_share: 0.2
  validation_share: 0
"""
MIXTURE = '[{"train": "FILE", "weight": 0.5, "objective": {"name": "classify"}}]'
TRAINING = {"on_overflow=drop", f"mixture={MIXTURE}"}
OF_TRAIN = {"sample=over", 'augment={"words": 1}'}
WORDS = ("parcel ", "money ", "jar ", "lid ", "size ")


@pytest.fixture
def tickets(tmp_path: Path) -> str:
    path = tmp_path / "tickets.csv"
    lines = [f"{n},{word * 3} number {n},{'ab'[n % 2]}" for n, word in enumerate(WORDS * 8)]
    path.write_text("\n".join(["id,text,label", *lines]))
    return str(path)


def answer(words: list[str], capfd: pytest.CaptureFixture[str], *, code: int = 0) -> Any:
    assert run([*words, "--json"]) == code
    return json.loads(capfd.readouterr().out)


@pytest.mark.parametrize(
    ("command", "later"),
    [
        ("split", {*OF_TRAIN, "validation_share=0.0"}),
        ("clean", {*OF_TRAIN, "time_by=id", "test_share=0.2", "validation_share=0.0"}),
        ("augment", {"on_duplicate=keep", "validation_share=0.0"}),
    ],
)
def test_what_a_training_has_still_to_do_stands_in_the_command(
    command: str, later: set[str], tickets: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    recipe, out = tmp_path / "r.yaml", tmp_path / "out"
    recipe.write_text(RECIPE.format(file=tickets))
    found = answer(["data", command, str(recipe), "--output", str(out)], capfd)
    settings = {word.removeprefix("data.") for word in shlex.split(found["use"][0])[3:]}
    wanted = {word.replace("FILE", tickets) for word in TRAINING} | later
    assert {word for word in settings if not word.startswith("test=")} == wanted
    is_lost = any(
        "the weights of files" in line and "tickets.csv 3" in line for line in found["how"]
    )
    assert is_lost == (command != "augment")
    request([*shlex.split(found["use"][0])[2:], "--model", "minilm-l6"])  # it can be typed


def test_a_column_that_is_not_written_is_in_no_command(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path, out = tmp_path / "rows.jsonl", tmp_path / "out"
    rows = [
        {"prompt": f"ask {n}", "chosen": f"so {n}", "rejected": "no", "tools": [], "day": n}
        for n in range(30)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = answer(["data", "clean", str(path), "time_by=day", "--output", str(out)], capfd)
    is_there = "day" in json.loads((out / "train.jsonl").read_text().splitlines()[0])
    assert ("data.time_by=day" in found["use"][0]) is is_there
    assert (
        any("column 'day' is not in what is written" in line for line in found["how"]) != is_there
    )


def test_a_check_names_the_mixture_that_it_does_not_look_at(
    tickets: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    recipe = tmp_path / "r.yaml"
    recipe.write_text(RECIPE.format(file=tickets))
    read = answer(["data", "check", str(recipe)], capfd, code=1)["read"]
    assert f"data.mixture: {tickets} not looked at; check each of them by itself" in read
