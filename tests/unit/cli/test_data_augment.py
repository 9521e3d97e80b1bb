"""`luthier data augment`: further rows of train in files, and nothing of them in the others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from luthier.cli.main import run
from luthier.data.load import load
from luthier.recipe.schema import DataSection

WORDS = "where is my parcel and when will the money for this broken jar come back"


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def tickets(tmp_path: Path) -> str:
    path = tmp_path / "tickets.jsonl"
    rows = [{"text": f"{WORDS[n % 5 :]} {n}", "label": "ab"[n % 3 > 0], "id": n} for n in range(60)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def augment(words: list[str], capfd: pytest.CaptureFixture[str], *, code: int = 0) -> Any:
    assert run(["data", "augment", *words, "--json"]) == code
    said = capfd.readouterr()
    return json.loads(said.out) if not code else said.err


def test_the_seed_may_be_said_beside_the_files(
    tickets: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(f"data: {{train: {tickets}, augment: {{words: 1}}}}\nseed: 3\n")
    made: dict[str, str] = {}
    by_words = [tickets, "data.augment.words=1"]
    for name, words in {"0": by_words, "3": [*by_words, "seed=3"], "of": [str(recipe)]}.items():
        augment([*words, "--output", str(tmp_path / name)], capfd)
        made[name] = (tmp_path / name / "train.jsonl").read_text(encoding="utf-8")
    assert made["3"] == made["of"] != made["0"]
    out = ["--output", str(tmp_path / "x")]
    said = augment([*by_words, "seed=x", *out], capfd, code=2)
    assert "seed: got 'x', expected a whole number from 0 on" in said


def settings(use: str) -> dict[str, Any]:
    """Those of `data` in a line that trains."""
    given = [word.removeprefix("data.").partition("=") for word in use.split()[3:]]
    return {key: value if key != "validation_share" else float(value) for key, _, value in given}


def test_train_grows_and_what_is_held_out_is_as_training_would_split_it(
    tickets: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    found = augment([tickets, "data.augment.words=2", "--output", str(out)], capfd)
    plain = load(DataSection(train=tickets), seed=0).splits
    for name in ("validation", "test"):
        written = [row["text"] for row in lines(out / f"{name}.jsonl")]
        assert written == [row.given() for row in getattr(plain, name)]
    rows = lines(out / "train.jsonl")
    of_files = rows[: len(plain.train)]
    made = rows[len(plain.train) :]
    assert len(made) > len(of_files)
    assert not any("made" in row for row in of_files)
    first = made[0]
    assert first["made"] == f"{tickets} line {first['id'] + 1} (words 1)"
    (why,) = found["rows"]["added"]
    assert found["rows"]["added"][why]["count"] == len(made)
    changes = lines(out / "changes.jsonl")
    assert [change["what"] for change in changes] == ["added"] * len(made)
    assert changes[0]["after"]["text"] == first["text"]
    assert changes[0]["before"]["text"] == of_files[0]["text"]


def test_what_was_written_is_trained_as_a_recipe_with_the_same_settings_would(
    tickets: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    words = ["data.augment.words=1", "data.sample=over"]
    found = augment([tickets, *words, "--output", str(out)], capfd)
    whole = load(DataSection(train=tickets, augment={"words": 1}, sample="over"), seed=0)
    again = load(DataSection(train=str(out / "train.jsonl"), **settings(found["use"][0])), seed=0)
    for name in ("train", "validation", "test"):
        keys = [[row.key() for row in getattr(one.splits, name)] for one in (whole, again)]
        assert keys[0] == keys[1]
    assert again.ledger.dropped == {}


def test_no_made_row_is_validated_where_validation_was_switched_off(
    tickets: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    words = [tickets, "data.augment.typos=1", "data.validation_share=0"]
    found = augment([*words, "--output", str(out)], capfd)
    again = load(DataSection(train=str(out / "train.jsonl"), **settings(found["use"][0])), seed=0)
    assert len(again.splits.validation) == 0
    assert len(again.splits.train) == found["files"]["train"]["rows"]


def test_a_recipe_says_seed_and_ways(
    tickets: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    made: list[list[Any]] = []
    for seed in (0, 3):
        recipe = tmp_path / f"recipe{seed}.yaml"
        recipe.write_text(
            f"model: smollm2-135m\nseed: {seed}\ndata:\n  train: {tickets}\n  augment:\n"
            "    words: {per_row: 1, drop: 0.3}\n"
        )
        out = tmp_path / f"out{seed}"
        found = augment([str(recipe), "--output", str(out)], capfd)
        assert found["settings"]["augment"] == {"words": {"per_row": 1, "drop": 0.3}}
        made.append(lines(out / "train.jsonl"))
    assert made[0] != made[1]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "data.augment: says nothing, so no row would be made"),
        (["data.augment.words=false"], "data.augment: says nothing"),
        (["data.augment.wrods=1"], "did you mean 'words'?"),
        (["data.augment.words.drops=1"], "did you mean 'drop'?"),
        (["data.augment.words=lots"], "data.augment.words.per_row: got 'lots'"),
        (["data.augment.words=1", "data.test_share=0"], "name a file: data.test"),
        (["data.augment.mentions=1"], "data.augment.mentions: nothing new could be made"),
    ],
)
def test_what_cannot_be_made_is_refused_and_nothing_is_written(
    words: list[str], said: str, tickets: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert said in augment([tickets, *words, "--output", str(out)], capfd, code=2)
    assert not out.exists()


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("data.augment={words: [1]}", "augment.words: got [1], expected a value (per_row), true"),
        ("data.clean={mojibake: 3}", "clean.mojibake: got 3, expected true or false"),
    ],
)
def test_a_value_that_stands_for_no_setting_is_refused(
    tmp_path: Path, tickets: str, capfd: pytest.CaptureFixture[str], setting: str, says: str
) -> None:
    out = tmp_path / "out"
    words = [tickets, "data.augment.typos=1", setting, "--output", str(out)]
    assert says in augment(words, capfd, code=2)
    assert not out.exists()


def test_no_share_is_asked_for_where_a_part_is_the_test(
    tickets: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    rows, out = Path(tickets).read_text(encoding="utf-8").splitlines(keepends=True), tmp_path / "o"
    folder = tmp_path / "parts"
    folder.mkdir()
    (folder / "train.jsonl").write_text("".join(rows[:50]))
    (folder / "test.jsonl").write_text("".join(rows[50:]))
    given = [str(folder), "data.augment.words=1", "data.test_share=0", "--output", str(out)]
    augment(given, capfd)
    assert len(lines(out / "test.jsonl")) == 10
