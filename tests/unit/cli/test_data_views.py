"""`luthier data preview`, `diff` and `card`, as they are typed."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml
from PIL import Image

from luthier.cli.main import run
from luthier.data.rows import Labeled, Origin

ROWS = [
    {"text": f"{what} {n} times", "label": label}
    for n in range(3, 9)
    for what, label in (("send it back", "refund"), ("where is it", "ship"))
]


def write(path: Path, rows: list[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def ask(
    words: list[str], capfd: pytest.CaptureFixture[str], *, code: int = 0
) -> tuple[str, dict[str, Any]]:
    """What people read, and what programs do."""
    assert run(["data", *words]) == code
    said = capfd.readouterr().out
    assert run(["data", *words, "--json"]) == code
    return said, json.loads(capfd.readouterr().out)


def test_a_preview_shows_what_columns_are_taken_for_and_the_first_rows(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path / "a.jsonl", ROWS)
    said, found = ask(["preview", file, "--rows", "2"], capfd)
    assert "column 'text' is the text, 'label' its class" in said
    assert f"  {file} line 2\n    where is it 3 times\n    -> ship\n" in said
    assert [row["row"] for row in found["shown"]["train"]] == ROWS[:2]
    assert found["rows"]["used"]["train"] == len(ROWS)


def test_a_preview_shows_rows_as_they_are_cleaned_and_writes_them(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    rows = [{"text": "mail eva@example.org", "label": "a", "id": 7}, *ROWS]
    out = tmp_path / "first.jsonl"
    words = ["preview", write(tmp_path / "a.jsonl", rows), "data.clean.personal=true"]
    said, _ = ask([*words, "--rows", "1", "--output", str(out)], capfd)
    assert "mail [EMAIL_1]" in said
    assert json.loads(out.read_text()) == {"text": "mail [EMAIL_1]", "label": "a", "id": 7}


def test_a_preview_of_no_rows_is_refused(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    words = ["data", "preview", write(tmp_path / "a.jsonl", ROWS), "--rows", "0"]
    assert run(words) == 2
    assert "got --rows 0, expected at least 1" in capfd.readouterr().err


def test_rows_that_came_went_and_changed_are_told_apart(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    old = write(tmp_path / "old.jsonl", [*ROWS, ROWS[0]])
    changed = {**ROWS[3], "label": "refund"}
    new_rows = [ROWS[0], *ROWS[2:3], changed, *ROWS[4:], {"text": "a new one", "label": "ship"}]
    new = write(tmp_path / "new.jsonl", new_rows)
    changes = tmp_path / "changes.jsonl"
    said, found = ask(["diff", old, new, "--changes", str(changes)], capfd)
    counts = {what: found[what] for what in ("same", "changed", "removed", "added")}
    assert counts == {"same": 10, "changed": 1, "removed": 2, "added": 1}
    assert found["classes"] == {"ship": {"before": 6, "after": 5}}
    entries = [json.loads(line) for line in changes.read_text().splitlines()]
    assert [entry["what"] for entry in entries] == ["changed", "removed", "removed", "added"]
    (before, after) = (entries[0][side]["row"]["label"] for side in ("before", "after"))
    assert (before, after) == ("ship", "refund")
    assert {entry["before"]["place"] for entry in entries[1:3]} == {
        f"{old} line 2",
        f"{old} line 13",
    }
    assert "      a new one\n      -> ship" in said


def test_what_corrections_change_is_a_difference(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    rows = write(tmp_path / "rows.jsonl", ROWS)
    key = Labeled(origin=Origin("f", 1), text=ROWS[3]["text"], label=ROWS[3]["label"]).key()
    fixed = write(tmp_path / "fixed.jsonl", [{"key": key, "label": "refund"}])
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(f"data:\n  train: {rows}\n  corrections: {fixed}\n")
    _, found = ask(["diff", rows, str(recipe)], capfd)
    assert (found["same"], found["changed"]) == (len(ROWS) - 1, 1)
    assert found["account"]["before"] == []
    assert "1 row, corrected by" in found["account"]["after"][0]


def test_rows_that_cannot_be_read_are_said(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    lines = ["text,label", *(f"send {n} back now,{'ab'[n % 2]}" for n in range(20))]
    old, new = tmp_path / "old.csv", tmp_path / "new.csv"
    old.write_text("\n".join(lines))
    new.write_text("\n".join([*lines[:4], f"one, {lines[4]}", *lines[5:]]))
    said, _ = ask(["preview", str(new)], capfd)
    assert f"{new} line 5: row left out: more fields than columns" in said
    _, found = ask(["diff", str(old), str(new)], capfd)
    place = f"left out: 1 row, more fields than columns, such as {new} line 5"
    assert found["account"] == {"before": [], "after": [place]}
    assert run(["data", "diff", str(old), str(new)]) == 0
    assert "left out: 1 row, more fields than columns" in capfd.readouterr().err


def test_a_file_without_text_in_a_folder_is_said(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for name, text in (("a.txt", "Wipe the strings."), ("b.txt", ""), ("c.txt", "Keep it dry.")):
        (tmp_path / name).write_text(text)
    said, _ = ask(["preview", str(tmp_path)], capfd)
    assert f"{tmp_path}/b.txt line 1: row left out: empty file" in said


def test_rows_of_other_shapes_are_said(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    chats = [{"prompt": f"why {n}", "completion": "so"} for n in range(4)]
    file = write(tmp_path / "a.jsonl", [*chats, {"text": "running text"}, {"text": "and more"}])
    said, _ = ask(["preview", file, "data.shape=chat"], capfd)
    assert f"{file} line 5: row left out: text row, not chat (in 2 rows of this file)" in said


def test_the_order_of_rows_is_no_difference(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    old, new = write(tmp_path / "a.jsonl", ROWS), write(tmp_path / "b.jsonl", ROWS[::-1])
    found = ask(["diff", old, new], capfd)[1]
    assert (found["same"], found["changed"], found["removed"], found["added"]) == (12, 0, 0, 0)


def test_versions_of_different_shapes_are_not_compared(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    old = write(tmp_path / "a.jsonl", ROWS)
    new = write(tmp_path / "b.jsonl", [{"prompt": "a", "completion": "b"}])
    assert run(["data", "diff", old, new]) == 2
    assert "b.jsonl" in capfd.readouterr().err


def test_a_card_says_what_is_there_and_what_nobody_can_know(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    rows = [{"text": "mail eva@example.org <b>", "label": "a|b"}, *ROWS, ROWS[1]]
    file, out = write(tmp_path / "tickets.jsonl", rows), tmp_path / "README.md"
    ask(["card", file, "--output", str(out), "--name", "Tickets of 2026"], capfd)
    text = out.read_text()
    head = yaml.safe_load(text.split("---")[1])
    assert head == {"size_categories": ["n<1K"], "task_categories": ["text-classification"]}
    assert "# Tickets of 2026" in text
    assert "| ship | 7 | 50.0% |" in text
    assert "| a\\|b | 1 |" in text
    assert "> mail \\[EMAIL\\_1\\] \\<b\\>" in text
    assert "- exact duplicates in train: 1 row" in text
    assert "eva@example.org" not in text
    assert str(tmp_path) not in text
    assert "- Licence" in text


def test_a_card_masks_personal_data_also_where_the_recipe_only_reports_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path / "a.jsonl", [{"text": "mail eva@example.org", "label": "a"}] * 2)
    assert run(["data", "card", file, "data.clean.personal=report"]) == 0
    said = capsys.readouterr().out
    assert "EMAIL" in said
    assert "eva@" not in said


def test_a_card_of_pictures_is_of_images_and_names_no_folder_of_this_machine(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for n, kind in enumerate(["cat", "cat", "dog", "dog"]):
        (tmp_path / "pets" / kind).mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4), (n * 60, 0, 0)).save(tmp_path / "pets" / kind / f"{n}.png")
    card = ask(["card", str(tmp_path / "pets")], capfd)[1]["card"]
    head = yaml.safe_load(card.split("---")[1])
    assert head["task_categories"] == ["image-classification"]
    assert "\n> 0.png\n" in card
    assert "Median length" not in card
    assert str(tmp_path) not in card


def test_a_card_names_held_out_files_without_their_folders(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "kept").mkdir()
    kept = write(tmp_path / "kept" / "held.jsonl", ROWS[:2])
    file = write(tmp_path / "tickets.jsonl", ROWS[2:])
    card = ask(["card", file, f"data.test={kept}"], capfd)[1]["card"]
    assert "- Read: held.jsonl: one JSON object per line" in card
    assert str(tmp_path) not in card


def test_a_card_of_a_database_names_it_without_its_folder(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("sqlalchemy")
    with closing(sqlite3.connect(tmp_path / "tickets.db")) as base, base:
        base.execute("create table rows (text, label)")
        base.executemany("insert into rows values (:text, :label)", ROWS)
    card = ask(["card", f"sqlite:///{tmp_path}/tickets.db#rows"], capfd)[1]["card"]
    assert "- Read: sqlite:///tickets.db\\#rows: labeled" in card
    assert str(tmp_path) not in card


CONTROLS = {
    "\x1b[31mRED\x1b[0m": r"\x1b[31mRED\x1b[0m",
    "\x1b]0;title\x07": r"\x1b]0;title\x07",
    "a\x9b2Jb": r"a\x9b2Jb",
    "admin\u202egnp": r"admin\u202egnp",
}


@pytest.mark.parametrize("command", ["preview", "check", "diff"])
@pytest.mark.parametrize("text", CONTROLS)
def test_no_row_drives_the_terminal(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], command: str, text: str
) -> None:
    rows = [{"text": f"{text} one", "label": text}, *ROWS]
    file, other = write(tmp_path / "a.jsonl", rows), write(tmp_path / "b.jsonl", ROWS)
    assert run(["data", command, file, *([other] if command == "diff" else [])]) in (0, 1)
    said = "".join(capfd.readouterr())
    assert text not in said
    assert CONTROLS[text] in said
    assert all(char.isprintable() or char == "\n" for char in said)


def test_letters_that_need_joiners_stay_as_they_are(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    text = "می\u200cخواهم 👩\u200d🔧 ça"
    said, _ = ask(["preview", write(tmp_path / "a.jsonl", [{"text": text, "label": "a"}])], capfd)
    assert f"    {text}\n" in said


def test_no_message_of_an_error_drives_the_terminal(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    rows = [{"messages": [{"role": "\x1b[2Jbot", "content": "hi"}]}]
    assert run(["data", "preview", write(tmp_path / "a.jsonl", rows)]) == 2
    said = capfd.readouterr().err
    assert "\x1b" not in said
    assert r"\x1b[2Jbot" in said
