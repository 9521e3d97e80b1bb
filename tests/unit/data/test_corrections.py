"""Files of corrections: what they do to rows, what is counted, and what is refused."""

import json
from pathlib import Path
from typing import Any

import pytest

from luthier.core.errors import DataError
from luthier.data.corrections import Correction, Journal, read_corrections
from luthier.data.examine import examine
from luthier.data.load import Loaded, load, load_test
from luthier.data.rows import (
    Chat,
    Labeled,
    Message,
    Multilabeled,
    Origin,
    Preference,
    Prompt,
    Rated,
    Row,
)
from luthier.recipe.schema import DataSection

AT = Origin("rows.jsonl", 1)
TEXTS = [(f"{word} number {at}", word) for at in range(12) for word in ("order", "refund")]
QUESTION = (Message("user", "What is 2 + 2?"),)
FIVE, FOUR = (Message("assistant", "5"),), (Message("assistant", "4"),)


def write(path: Path, rows: list[tuple[str, str]]) -> str:
    lines = [json.dumps({"text": text, "label": label}) + "\n" for text, label in rows]
    path.write_text("".join(lines))
    return str(path)


def key(text: str, label: str) -> str:
    return Labeled(origin=AT, text=text, label=label).key()


def patch(path: Path, *lines: dict[str, Any]) -> str:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return str(path)


def loaded(folder: Path, *lines: dict[str, Any], **more: Any) -> Loaded:
    rows = more.pop("rows", TEXTS)
    section = DataSection(
        train=write(folder / "rows.jsonl", rows),
        corrections=patch(folder / "patch.jsonl", *lines),
        **more,
    )
    return load(section, seed=0)


def rows_of(found: Loaded) -> dict[str, str]:
    splits = found.splits
    every = (*splits.train, *splits.validation, *splits.test)
    return {row.given(): row.target() for row in every}


def test_a_label_is_corrected_and_a_row_left_out_and_both_are_counted(tmp_path: Path) -> None:
    found = loaded(
        tmp_path,
        {"key": key("order number 0", "order"), "label": "refund"},
        {"key": key("order number 1", "order"), "drop": True},
        {"key": key("order number 2", "order"), "confirmed": True},
    )
    rows = rows_of(found)
    assert rows["order number 0"] == "refund"
    assert "order number 1" not in rows
    assert rows["order number 2"] == "order"
    file, where = str(tmp_path / "patch.jsonl"), str(tmp_path / "rows.jsonl")
    ledger = found.ledger.document()["rows"]
    assert ledger["changed"] == {
        f"corrected by {file}": {"count": 1, "examples": [f"{where} line 1 (line 1 there)"]}
    }
    assert ledger["dropped"] == {
        f"left out by {file}": {"count": 1, "examples": [f"{where} line 3 (line 2 there)"]}
    }
    said = f"{file}: 1 row corrected, 1 row left out, 1 row confirmed of train"
    assert said in found.description
    assert found.files[file] == read_corrections(file).files[file]


def test_the_files_stay_as_they_are_and_equal_rows_are_all_corrected(tmp_path: Path) -> None:
    rows = [*TEXTS, TEXTS[0]]
    line = {"key": key(*TEXTS[0]), "label": "refund"}
    found = loaded(tmp_path, line, rows=rows, on_duplicate="keep")
    assert json.loads((tmp_path / "rows.jsonl").read_text().splitlines()[0])["label"] == "order"
    splits = found.splits
    every = (*splits.train, *splits.validation, *splits.test)
    assert [row.target() for row in every if row.given() == TEXTS[0][0]] == ["refund"] * 2


def test_rows_that_were_looked_at_say_so_and_have_the_key_they_had(tmp_path: Path) -> None:
    found = loaded(tmp_path, {"key": key("order number 0", "order"), "confirmed": True})
    splits = found.splits
    every = (*splits.train, *splits.validation, *splits.test)
    (looked_at,) = [row for row in every if row.is_confirmed]
    assert looked_at.key() == key("order number 0", "order")


def test_a_given_test_is_corrected_too_which_is_said(tmp_path: Path) -> None:
    test = write(tmp_path / "test.jsonl", [("my order is late", "refund"), ("money", "refund")])
    line = {"key": key("my order is late", "refund"), "label": "order"}
    found = loaded(tmp_path, line, test=test)
    assert [row.target() for row in found.splits.test] == ["order", "refund"]
    assert f"{tmp_path / 'patch.jsonl'}: 1 row corrected of test (scored so)" in found.description
    section = DataSection(train="gone", test=test, corrections=str(tmp_path / "patch.jsonl"))
    assert [row.target() for row in load_test(section, found).splits.test] == ["order", "refund"]


def test_corrections_come_before_cleaning(tmp_path: Path) -> None:
    found = loaded(
        tmp_path,
        {"key": key("order number 0", "order"), "label": "Refund", "new": True},
        clean={"label_spellings": True},
    )
    assert rows_of(found)["order number 0"] == "refund"


def test_several_files_are_one(tmp_path: Path) -> None:
    second = patch(tmp_path / "b.jsonl", {"key": key("order number 1", "order"), "drop": True})
    section = DataSection(
        train=write(tmp_path / "rows.jsonl", TEXTS),
        corrections=[
            patch(tmp_path / "a.jsonl", {"key": key("order number 0", "order"), "drop": True}),
            second,
        ],
    )
    assert len(rows_of(load(section, seed=0))) == len(TEXTS) - 2


def test_a_correction_that_fits_no_row_is_said_with_its_line(tmp_path: Path) -> None:
    found = loaded(
        tmp_path,
        {"key": key("order number 0", "order"), "label": "refund"},
        {"key": "0" * 64, "at": "old.jsonl line 9", "drop": True},
    )
    (warning,) = found.warnings
    assert warning.startswith("corrections that fit no row: 1 (")
    assert "patch.jsonl line 2 (old.jsonl line 9)" in warning


def test_where_none_fits_nothing_is_read(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not one of 1 corrections fits a row"):
        loaded(tmp_path, {"key": "0" * 64, "drop": True})


def test_a_file_without_corrections_changes_nothing(tmp_path: Path) -> None:
    found = loaded(tmp_path)
    assert len(rows_of(found)) == len(TEXTS)
    assert f"{tmp_path / 'patch.jsonl'}: no row is corrected" in found.description


ZERO = key("order number 0", "order")


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (
            [{"key": ZERO, "label": "refnd"}],
            "line 1: no row has the label 'refnd'; did you mean 'r",
        ),
        ([{"key": ZERO, "lable": "refund"}], "line 1, lable: unknown key; did you mean 'label'?"),
        ([{"key": ZERO}], "line 1: got none of them, expected exactly one of confirmed, drop"),
        ([{"key": ZERO, "drop": True, "confirmed": True}], "line 1: got confirmed, drop, expected"),
        ([{"key": ZERO, "label": 3}], "line 1, label: got 3, expected"),
        ([{"key": ZERO, "label": ""}], "line 1, label: got ''"),
        ([{"key": ZERO, "confirmed": False}], "line 1, confirmed: got false"),
        ([{"key": "abc", "drop": True}], "line 1, key: got 'abc'"),
        ([{"label": "refund"}], "line 1, key: missing"),
        ([{"key": ZERO, "answer": " "}], "expected a text; to leave the row out: drop"),
        (
            [{"key": ZERO, "answer": "4"}],
            "line 1: 'answer' for a row of kind labeled .*rows.jsonl line 1.*: label, confirmed, ",
        ),
        (
            [{"key": ZERO, "label": "refund"}, {"key": ZERO, "confirmed": True}],
            "patch.jsonl line 1 and .*patch.jsonl line 2 contradict each other",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_line(
    tmp_path: Path, lines: list[dict[str, Any]], says: str
) -> None:
    with pytest.raises(DataError, match=says):
        loaded(tmp_path, *lines)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b'{"key": "12', "line 1: no JSON"),
        (b"\n\n[1]\n", "line 3: got '\\[1\\]', expected an object"),
        (b'{"key"\n\xff\n', "line 2: byte 0xff is no UTF-8"),
    ],
)
def test_a_damaged_file_is_refused_with_its_line(tmp_path: Path, content: bytes, says: str) -> None:
    (tmp_path / "patch.jsonl").write_bytes(content)
    with pytest.raises(DataError, match=says):
        read_corrections(str(tmp_path / "patch.jsonl"))


def test_a_missing_file_is_refused_with_the_nearest(tmp_path: Path) -> None:
    patch(tmp_path / "corrections.jsonl")
    with pytest.raises(DataError, match=r"did you mean 'corrections.jsonl'\?"):
        read_corrections(str(tmp_path / "corections.jsonl"))


@pytest.mark.parametrize(
    ("row", "what", "value", "expected"),
    [
        (Labeled(origin=AT, text="a", label="x"), "label", "y", "y"),
        (Multilabeled(origin=AT, text="a", labels=("x",)), "labels", ["z", "y"], '["y", "z"]'),
        (Multilabeled(origin=AT, text="a", labels=("x",)), "labels", [], "[]"),
        (Chat(origin=AT, messages=(*QUESTION, *FIVE)), "answer", "4", "4"),
        (Prompt(origin=AT, messages=QUESTION, reference="5"), "answer", "4", "4"),
        (Rated(origin=AT, messages=(*QUESTION, *FIVE), is_good=True), "swap", True, "bad"),
        (Preference(origin=AT, messages=QUESTION, chosen=FIVE, rejected=FOUR), "swap", True, "4"),
        (
            Preference(origin=AT, messages=QUESTION, chosen=FIVE, rejected=FOUR),
            "answer",
            "four",
            "four",
        ),
    ],
)
def test_every_kind_of_row_takes_what_it_says_it_takes(
    row: Row, what: Any, value: Any, expected: str
) -> None:
    assert what in row.correctable()
    found = Correction(row.key(), what, value).applied(row)
    assert found is not None
    assert found.target() == expected
    assert found.input_key() == row.input_key()


def test_what_is_called_with_a_tool_is_not_rewritten() -> None:
    call = Message("assistant", "", tool_calls=({"name": "add"},))
    assert Chat(origin=AT, messages=(*QUESTION, call)).correctable() == ()
    assert Chat(origin=AT, messages=QUESTION).correctable() == ()


def test_confirmed_rows_are_doubted_no_more(tmp_path: Path) -> None:
    words = {"money": "refund paid twice charge bank", "food": "menu waiter soup table dinner"}
    rows = [
        (f"{' '.join(said.split()[at % 3 :])} {said.split()[at % 5]} {at}", name)
        for at in range(40)
        for name, said in words.items()
    ]
    rows.append(("paid twice bank charge", "food"))
    section = DataSection(train=write(tmp_path / "rows.jsonl", rows))
    before = [finding for finding in examine(section).findings if finding.name == "label_noise"]
    assert [finding.count for finding in before] == [1]
    line = {"key": key(*rows[-1]), "confirmed": True}
    corrected = section.model_copy(update={"corrections": patch(tmp_path / "p.jsonl", line)})
    assert "label_noise" not in [finding.name for finding in examine(corrected).findings]


def correction(number: int) -> Correction:
    return Correction(f"{number:064x}", "label", "refund", at=f"a line {number}", was="order")


def test_decisions_are_written_one_by_one_and_taken_back(tmp_path: Path) -> None:
    path = tmp_path / "new" / "c.jsonl"
    with Journal(path) as journal:
        journal.add(correction(1))
        journal.add(correction(2))
        assert len(read_corrections(str(path)).by_key) == 2
        journal.undo()
        journal.add(correction(3))
    found = read_corrections(str(path)).by_key
    assert list(found) == [correction(number).key for number in (1, 3)]
    assert json.loads(path.read_text().splitlines()[0]) == {
        "key": correction(1).key,
        "at": "a line 1",
        "was": "order",
        "label": "refund",
    }


def test_a_journal_goes_on_where_it_ended_and_leaves_nothing_where_nothing_was_said(
    tmp_path: Path,
) -> None:
    path = tmp_path / "c.jsonl"
    with Journal(path):
        pass
    assert not path.exists()
    with Journal(path) as journal:
        journal.add(correction(1))
    with Journal(path) as journal:
        assert [one.key for one in journal.before] == [correction(1).key]
        journal.add(correction(2))
        assert len(journal) == 2


@pytest.mark.parametrize(
    ("rest", "kept", "says"),
    [('{"key": "00', 1, "was not written to its end"), ("", 1, ""), (correction(2).text(), 2, "")],
)
def test_half_a_line_of_a_killed_process_is_taken_off(
    tmp_path: Path, rest: str, kept: int, says: str
) -> None:
    path = tmp_path / "c.jsonl"
    path.write_text(correction(1).text() + rest.rstrip("\n"))
    with Journal(path) as journal:
        assert len(journal.before) == kept
        assert says in "".join(journal.notes)
        journal.add(correction(3))
    assert len(read_corrections(str(path)).by_key) == kept + 1


def test_two_cannot_write_one_file(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl"
    with Journal(path), pytest.raises(DataError, match="another luthier data label writes into it"):
        Journal(path).__enter__()


def test_what_somebody_else_wrote_is_not_written_over(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl"
    with Journal(path) as journal:
        journal.add(correction(1))
        with path.open("a") as file:
            file.write(correction(2).text())
        with pytest.raises(DataError, match="was changed or moved by somebody else"):
            journal.add(correction(3))
        with pytest.raises(DataError, match="was changed or moved by somebody else"):
            journal.undo()
    assert path.read_text() == correction(1).text() + correction(2).text()
