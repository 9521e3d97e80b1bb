"""`luthier data clean` and `split`, in one process on small files."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from luthier.cli.main import run
from luthier.core.errors import DataError
from luthier.data.load import load
from luthier.recipe.schema import DataSection

TEXTS = [
    "where is my parcel now", "i want my money back", "please cancel this order",
    "the lid of the jar is broken", "how long does it take to ship", "you sent me the wrong size",
]  # fmt: skip


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def table(path: Path, rows: list[tuple[str, ...]], header: tuple[str, ...]) -> str:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return str(path)


@pytest.fixture
def tickets(tmp_path: Path) -> str:
    rows = [
        (str(n), f"{TEXTS[n % 6]} {'x' * (n % 7)}number {n}", "Refund" if n % 2 else "Ship")
        for n in range(40)
    ]
    rows += [("40", rows[0][1], rows[0][2]), ("41", "a\u200bb  c number", "refund ")]
    return table(tmp_path / "tickets.csv", rows, ("id", "text", "label"))


def answer(words: list[str], capfd: pytest.CaptureFixture[str], *, code: int = 0) -> Any:
    assert run([*words, "--json"]) == code
    return json.loads(capfd.readouterr().out)


def test_cleaning_writes_what_is_left_with_its_other_columns(
    tickets: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    asked = ["data.clean.normalise=true", "data.clean.label_spellings=true"]
    found = answer(["data", "clean", tickets, *asked, "--output", str(out)], capfd)
    rows = lines(out / "train.jsonl")
    assert [row["id"] for row in rows] == [str(n) for n in (*range(40), 41)]
    assert rows[-1] == {"text": "ab  c number", "label": "Refund", "id": "41"}
    assert found["rows"] == json.loads((out / "ledger.json").read_text())["rows"]
    changes = lines(out / "changes.jsonl")
    assert len(changes) == 3  # two in the last row, and the repetition
    places = {change["place"] for change in changes}
    assert places == {f"{tickets} line 42", f"{tickets} line 43"}
    assert changes[0]["before"]["text"] == "a\u200bb  c number"
    assert Path(tickets).read_text(encoding="utf-8").endswith("a\u200bb  c number,refund \n")


def test_cleaning_without_settings_does_the_usual_and_no_more(
    tickets: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    found = answer(["data", "clean", tickets, "--output", str(out)], capfd)
    asked = found["settings"]["clean"]
    assert {"normalise", "artefacts", "contradictions", "near_duplicates"} <= asked.keys()
    assert not {"personal", "label_spellings"} & asked.keys()
    assert {row["label"] for row in lines(out / "train.jsonl")} == {"Refund", "Ship", "refund"}


def test_given_held_out_files_are_written_too_and_train_loses_what_they_hold(
    tickets: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    held_out = [("7", f"{TEXTS[0]} number 0", "Ship")]
    test = table(tmp_path / "test.csv", held_out, ("n", "text", "label"))
    out = tmp_path / "out"
    words = ["data", "clean", tickets, f"data.test={test}", "data.clean.short_texts=true"]
    found = answer([*words, "--output", str(out)], capfd)
    assert lines(out / "test.jsonl") == [
        {"text": f"{TEXTS[0]} number 0", "label": "Ship", "n": "7"}
    ]
    assert "0" not in {row["id"] for row in lines(out / "train.jsonl")}
    assert f"data.test={out / 'test.jsonl'}" in found["use"][0]


def test_splitting_writes_the_splits_that_training_would_make(
    tickets: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    answer(["data", "split", tickets, "data.test_share=0.2", "--output", str(out)], capfd)
    loaded = load(DataSection(train=tickets, test_share=0.2), seed=0).splits
    for name in ("train", "validation", "test"):
        written = [row["text"] for row in lines(out / f"{name}.jsonl")]
        assert written == [row.given() for row in getattr(loaded, name)]
        assert written


def test_files_that_need_settings_come_with_them(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    rows = [(f"{text} {n}", f"user{n % 5}", "ab"[n % 2]) for n, text in enumerate(TEXTS * 4)]
    file = table(tmp_path / "rows.csv", rows, ("text", "who", "label"))
    out = tmp_path / "out"
    words = ["data", "clean", file, "data.group_by=who", "--output", str(out)]
    found = answer(words, capfd)
    assert found["use"][0].endswith("data.group_by=group")
    assert all(row["group"] == row["who"] for row in lines(out / "train.jsonl"))


def test_own_columns_with_the_names_of_written_ones_are_kept_and_said(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    own = ("review", "stars", "text", "label", "group", "who", "made")
    rows = [
        (f"{text} {n}", "ab"[n % 2], f"t{n}", f"l{n}", f"g{n}", f"user{n % 21}", f"m{n}")
        for n, text in enumerate(TEXTS * 7)
    ]
    file = table(tmp_path / "rows.csv", rows, own)
    out, columns = tmp_path / "out", "data.columns={text: review, label: stars}"
    words = ["data", "augment", file, columns, "data.group_by=who", "data.near_duplicates=0"]
    words.append("data.augment.words=1")
    found = answer([*words, "--output", str(out)], capfd)
    names = ("text", "label", "text_own", "label_own", "group_own", "who", "made_own")
    held = [
        tuple(row[name] for name in names)
        for name in ("train", "validation", "test")
        for row in lines(out / f"{name}.jsonl")
        if "made" not in row
    ]
    assert sorted(held) == sorted(rows)
    renamed = {name: f"{name}_own" for name in ("text", "label", "group", "made")}
    assert found["files"]["train"]["renamed"] == renamed
    assert run([*words, "--output", str(tmp_path / "again")]) == 0
    assert "column 'label' of the files is 'label_own'" in capfd.readouterr().err


def test_nothing_is_left_of_a_folder_that_could_not_be_filled(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = table(tmp_path / "rows.csv", [("a text", "x")], ("text", "label"))
    words = ["data", "split", file, "--output", str(tmp_path / "out")]
    assert "too few" in answer(words, capfd, code=2)["error"]["message"]
    assert [path.name for path in tmp_path.iterdir()] == ["rows.csv"]


def test_a_folder_with_something_in_it_is_left_alone(
    tickets: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    words = ["data", "clean", tickets, "--output", str(tmp_path / "out")]
    assert "there is something already" in answer(words, capfd, code=2)["error"]["message"]
    assert (tmp_path / "out" / "mine.txt").read_text() == "mine"
    assert not list(tmp_path.glob(".out*"))


@pytest.mark.parametrize(("start", "changed"), [("[", 2), ("\n[", 2), ("[\n", None)])
def test_records_of_one_line_keep_their_other_columns_where_it_is_told_which(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], start: str, changed: int | None
) -> None:
    """Rows of a file of one line are numbered; where several stand on one of its lines, it is not
    told which of them a changed one was."""
    rows = [{"text": f"{text}!", "label": "ab"[n % 2], "id": n} for n, text in enumerate(TEXTS)]
    rows[2]["text"] = "zero\u200bwidth"
    text = json.dumps(rows)
    (tmp_path / "rows.json").write_text(start + text[1:])
    out = tmp_path / "out"
    words = ["data", "clean", str(tmp_path / "rows.json"), "--output", str(out)]
    answer(words, capfd)
    assert [row.get("id") for row in lines(out / "train.jsonl")] == [0, 1, changed, 3, 4, 5]


def test_shares_that_leave_nothing_for_train_are_refused_as_in_training(
    tickets: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    shares = ["data.test_share=0.9", "data.validation_share=0.2"]
    words = ["data", "split", tickets, *shares, "--output", str(tmp_path / "out")]
    said = answer(words, capfd, code=2)["error"]["message"]
    with pytest.raises(DataError) as refused:
        load(DataSection(train=tickets, test_share=0.9, validation_share=0.2), seed=0)
    assert said == str(refused.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("command", ["split", "clean"])
def test_chunks_of_few_documents_are_rows_like_any_other_as_in_training(
    command: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for at in range(3):
        words = " ".join(f"Sentence {n} of document {at} tells of wood." for n in range(60))
        (tmp_path / f"{at}.md").write_text(f"# Document {at}\n\n{words}")
    section = DataSection(train=f"{tmp_path}/*.md", chunk=300)
    out, chunk = tmp_path / "out", "data.chunk=300"
    asked = [section.train, chunk, "data.clean.normalise=true", "--output", str(out)]
    found = answer(["data", command, *asked], capfd)
    assert any("3 documents are too few to keep each in one split" in line for line in found["how"])
    assert "group" not in found["use"][0]
    trained = load(section, seed=0).splits
    if command == "split":
        assert {row["text"] for row in lines(out / "test.jsonl")} == {
            row.given() for row in trained.test
        }
    else:
        assert load(DataSection(train=str(out / "train.jsonl")), seed=0).splits.test


def test_folds_keep_whole_documents_where_there_are_enough(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for at in range(3):
        words = " ".join(f"Sentence {n} of document {at} tells of wood." for n in range(60))
        (tmp_path / f"{at}.md").write_text(f"# Document {at}\n\n{words}")
    asked = ["data", "split", f"{tmp_path}/*.md", "data.chunk=300", "data.near_duplicates=0"]
    answer([*asked, "--folds", "3", "--output", str(tmp_path / "whole")], capfd)
    for fold in ("fold-1", "fold-2", "fold-3"):
        assert len({row["group"] for row in lines(tmp_path / "whole" / fold / "test.jsonl")}) == 1
    found = answer([*asked, "--folds", "5", "--output", str(tmp_path / "parted")], capfd)
    assert len(found["files"]) == 10


def test_folds_test_every_row_once_and_share_none(
    tickets: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    found = answer(["data", "split", tickets, "--folds", "4", "--output", str(out)], capfd)
    tested: list[str] = []
    for fold in range(1, 5):
        test = [row["text"] for row in lines(out / f"fold-{fold}" / "test.jsonl")]
        train = [row["text"] for row in lines(out / f"fold-{fold}" / "train.jsonl")]
        assert not set(test) & set(train)
        assert len(test) + len(train) == found["rows"]["used"]["train"] == 41
        tested += test
    assert len(set(tested)) == len(tested) == 41
    assert len(found["use"]) == 4
    assert any("test rows show a difference of" in line for line in found["how"])


def test_folds_by_time_are_refused_and_a_given_test_is_said_to_be_in_none(
    tickets: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    words = ["data", "split", tickets, "--folds", "3", "--output", str(tmp_path / "out")]
    said = answer([*words, "data.time_by=id"], capfd, code=2)["error"]["message"]
    assert "got 3 beside data.time_by ('id')" in said
    test = table(tmp_path / "t.csv", [("90", "another text", "Ship")], ("id", "text", "label"))
    assert run([*words, f"data.test={test}"]) == 0
    assert "test.jsonl is the test of no fold" in capfd.readouterr().err


def test_one_fold_is_refused(
    tickets: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    words = ["data", "split", tickets, "--folds", "1", "--output", str(tmp_path / "out")]
    assert "folds: got 1, expected at least 2" in answer(words, capfd, code=2)["error"]["message"]


@pytest.mark.parametrize("command", ["clean", "split", "preview"])
def test_corrections_that_fit_no_row_are_said(
    tickets: str, tmp_path: Path, capfd: pytest.CaptureFixture[str], command: str
) -> None:
    rows = load(DataSection(train=tickets), seed=0).splits.train
    keys = [rows[5].key(), *(f"{n:064x}" for n in range(5))]
    file = tmp_path / "c.jsonl"
    file.write_text("".join(json.dumps({"key": key, "drop": True}) + "\n" for key in keys))
    words = ["data", command, tickets, f"data.corrections={file}", "--output", str(tmp_path / "o")]
    assert run(words) == 0
    said = capfd.readouterr().err
    assert f"{file}: 1 row left out of train" in said
    shown = ", ".join(f"{file} line {n}" for n in (2, 3, 4))
    assert f"warning: corrections that fit no row: 5 ({shown} and 2 more)" in said


def test_hundreds_of_reasons_are_told_in_a_few_lines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [f"kind {chr(97 + n)}{chr(97 + m)}" for n in range(4) for m in range(5)]
    rows = [(f"{name} number {n}", name) for n in range(3) for name in names]
    rows += [(f"{name} in another way", name.upper()) for name in names]
    many = table(tmp_path / "many.csv", rows, ("text", "label"))
    out = tmp_path / "out"
    assert (
        run(["data", "clean", many, "data.clean.label_spellings=true", "--output", str(out)]) == 0
    )
    said = " ".join(capsys.readouterr().err.split())
    assert said.count("changed 1: label") == 12
    assert f"changed 8: 8 further reasons, all of them in {out}" in said
    assert len(json.loads((out / "ledger.json").read_text())["rows"]["changed"]) == 20
