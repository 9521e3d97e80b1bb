"""What a command of `luthier data` writes never takes the place of what it reads."""

from __future__ import annotations

import json
import os
import sqlite3
from pathlib import Path

import pytest

from luthier.cli.main import run

ROWS = [
    {"text": f"{what} {n} times", "label": label}
    for n in range(3, 9)
    for what, label in (("send it back", "refund"), ("where is it", "ship"))
]


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with rows under several names, which is the current one."""
    monkeypatch.chdir(tmp_path)
    rows = "".join(json.dumps(row) + "\n" for row in ROWS)
    (tmp_path / "set").mkdir()
    for name in ("own.jsonl", "new.jsonl", "set/part-1.jsonl", "set/part-2.jsonl"):
        (tmp_path / name).write_text(rows)
    (tmp_path / "link.jsonl").symlink_to("own.jsonl")
    os.link("own.jsonl", "twin.jsonl")
    (tmp_path / "recipe.yaml").write_text("model: any\ndata:\n  train: set\n  corrections: c.jsonl")
    (tmp_path / "c.jsonl").write_text("")
    with sqlite3.connect("rows.db") as base:
        base.execute("CREATE TABLE rows (text, label)")
        base.executemany("INSERT INTO rows VALUES (:text, :label)", ROWS)
    base.close()
    return tmp_path


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def refused(words: str, data: Path, capfd: pytest.CaptureFixture[str]) -> str:
    """What is said, where nothing was written."""
    before = contents(data)
    assert run(["data", *words.split()]) == 2
    assert contents(data) == before
    return capfd.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        "diff own.jsonl new.jsonl --changes own.jsonl",
        "diff own.jsonl new.jsonl --output new.jsonl",
        "check own.jsonl --output own.jsonl",
        "check own.jsonl --report ./set/../own.jsonl",
        "check own.jsonl data.test=new.jsonl --output new.jsonl",
        "check own.jsonl --model tiny --output own.jsonl",
        "preview own.jsonl --output link.jsonl",
        "preview link.jsonl --output own.jsonl",
        "preview own.jsonl --output twin.jsonl",
        "card own.jsonl --output own.jsonl",
        "preview set --output set/part-2.jsonl",
        "preview set/part-?.jsonl --output set/part-2.jsonl",
        "preview rows.db --output rows.db",
        "preview rows.db#rows --output rows.db",
        "check sqlite:///rows.db#rows --output rows.db",
        "check recipe.yaml --output recipe.yaml",
        "check recipe.yaml --output c.jsonl",
        "check recipe.yaml --report set/part-1.jsonl",
    ],
)
def test_an_output_that_is_an_input_is_refused(
    data: Path, capfd: pytest.CaptureFixture[str], words: str
) -> None:
    said = refused(words, data, capfd)
    assert "is the input" in said
    assert "would be overwritten. Choose another file" in said


@pytest.mark.parametrize(
    "words",
    [
        "check set --output set/found.json",
        "check set/*.json* --output set/found.json",
        "clean set --output set/cleaned",
        "split set/**/*.jsonl --output set/cleaned",
        "check set/** --output set/found/first.json",
    ],
)
def test_an_output_that_would_be_read_the_next_time_is_refused(
    data: Path, capfd: pytest.CaptureFixture[str], words: str
) -> None:
    assert "stands in the input (set" in refused(words, data, capfd)


def test_an_output_in_a_folder_that_reads_no_such_file_is_written(data: Path) -> None:
    assert run(["data", "card", "set", "--output", "set/README.md"]) == 0
    assert run(["data", "preview", "set/part-1.jsonl", "--output", "set/first.jsonl"]) == 0
    assert run(["data", "check", "set/part-?.jsonl", "--report", "set/page.html"]) == 1
    assert len(list((data / "set").iterdir())) == 5


def test_one_file_for_two_outputs_is_refused(data: Path, capfd: pytest.CaptureFixture[str]) -> None:
    both = ["--output", "d.json", "--changes", "./d.json"]
    assert run(["data", "diff", "own.jsonl", "new.jsonl", *both]) == 2
    assert "d.json: is named for two outputs" in capfd.readouterr().err
    assert not (data / "d.json").exists()


def test_a_card_replaces_no_words_that_somebody_wrote(
    data: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    words = ["data", "card", "own.jsonl", "--output", "README.md"]
    card = data / "README.md"
    card.write_text("# Ours\n")
    assert run(words) == 2
    assert "it is left as it is.\n    Name another file, such as --output CARD.md" in (
        capfd.readouterr().err
    )
    assert card.read_text() == "# Ours\n"
    card.unlink()
    assert run(words) == run(words) == 0
    card.write_text(card.read_text().replace("- Licence", "- Licence: CC0", 1))
    assert run(words) == 2
    assert "- Licence: CC0" in card.read_text()
