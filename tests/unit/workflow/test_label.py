"""Sittings: which rows are asked, what answers do, and that training reads them."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from luthier.core.errors import DataError, LuthierError, RecipeError
from luthier.data.load import load
from luthier.recipe.schema import DataSection
from luthier.workflow.label import open_sitting
from luthier.workflow.sitting import Sitting

WORDS = {
    "money": "refund paid twice charge amount wrong bank statement fee cost price back",
    "travel": "train ticket seat station plane delay luggage gate boarding coach bus late",
    "food": "menu order waiter table soup pasta allergy kitchen cold tasty dinner lunch",
}
NAMES = list(WORDS)


def planted(number: int = 600, share: float = 0.05) -> tuple[list[dict[str, str]], dict[str, str]]:
    """Rows of which some have another label, and text -> label as it should be."""
    drawn = random.Random(0)
    right = {
        " ".join(drawn.choices(WORDS[NAMES[at % 3]].split(), k=9)): NAMES[at % 3]
        for at in range(number)
    }
    wrong = set(drawn.sample(sorted(right), int(share * number)))
    other = {name: NAMES[(at + 1) % 3] for at, name in enumerate(NAMES)}
    rows = [{"text": t, "label": other[n] if t in wrong else n} for t, n in right.items()]
    return rows, right


def write(path: Path, rows: list[Any]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def sat(section: DataSection, file: Path, right: dict[str, str]) -> list[int]:
    """Rows asked in each sitting, until none is doubtful: corrected ones make others stand out."""
    asked: list[int] = []
    while not asked or asked[-1]:
        assert len(asked) < 6
        with open_sitting(section, file=file) as sitting:
            asked.append(len(sitting.asked.queue))
            answered(sitting, right)
    return asked


def answered(sitting: Sitting, right: dict[str, str]) -> None:
    """Somebody who knows every answer goes through all rows that are asked."""
    while not sitting.is_over:
        row = sitting.row()
        sitting.decide(sitting.number, "label", right[row.given()])


def test_what_is_decided_gives_the_planted_labels_back_and_training_reads_it(
    tmp_path: Path,
) -> None:
    rows, right = planted()
    section = DataSection(train=write(tmp_path / "rows.jsonl", rows))
    file = tmp_path / "corrections.jsonl"
    asked = sat(section, file, right)
    assert sum(asked) < 0.1 * len(rows)
    found = load(section.model_copy(update={"corrections": str(file)}), seed=0)
    splits = found.splits
    read = {row.given(): row.target() for row in (*splits.train, *splits.validation, *splits.test)}
    assert read == right
    assert found.ledger.changed[f"corrected by {file}"].count == int(0.05 * len(rows))


def test_it_goes_on_where_one_stopped_and_skipped_rows_come_again(tmp_path: Path) -> None:
    rows, right = planted()
    section = DataSection(train=write(tmp_path / "rows.jsonl", rows))
    file = tmp_path / "c.jsonl"
    with open_sitting(section, file=file) as sitting:
        first = sitting.row()
        sitting.skip(0)
        second = sitting.row()
        sitting.decide(1, "label", right[second.given()])
        total = len(sitting.asked.queue)
    with open_sitting(section, file=file) as sitting:
        texts = [sitting.asked.rows[at].given() for at in sitting.asked.queue]
        assert first.given() in texts
        assert second.given() not in texts
        assert total - 3 <= len(texts) < total + 3  # what was corrected moves the others a little
        assert sitting.summary()["in_file"] == 1


def test_undo_takes_the_line_away_and_asks_again(tmp_path: Path) -> None:
    rows, _ = planted()
    file = tmp_path / "c.jsonl"
    with open_sitting(DataSection(train=write(tmp_path / "r.jsonl", rows)), file=file) as sitting:
        key = sitting.row().key()
        sitting.decide(0, "drop")
        assert [line["key"] for line in lines(file)] == [key]
        sitting.skip(1)
        sitting.undo()
        sitting.undo()
        assert (sitting.number, lines(file)) == (0, [])
        with pytest.raises(DataError, match="nothing to take back here"):
            sitting.undo()


def test_a_decision_about_a_row_that_is_no_longer_asked_does_nothing(tmp_path: Path) -> None:
    rows, _ = planted()
    file = tmp_path / "c.jsonl"
    with open_sitting(DataSection(train=write(tmp_path / "r.jsonl", rows)), file=file) as sitting:
        sitting.decide(0, "confirmed")
        sitting.decide(0, "drop")
        sitting.skip(0)
        assert sitting.number == 1
        assert [line.get("confirmed") for line in lines(file)] == [True]


def test_a_new_label_is_refused_until_it_is_meant_and_can_be_chosen_from_then_on(
    tmp_path: Path,
) -> None:
    rows, _ = planted()
    file = tmp_path / "c.jsonl"
    section = DataSection(train=write(tmp_path / "r.jsonl", rows), corrections=str(file))
    with open_sitting(section.model_copy(update={"corrections": []}), file=file) as sitting:
        with pytest.raises(DataError, match="'monney'; did you mean 'money'"):
            sitting.decide(0, "label", "monney")
        sitting.decide(0, "label", "sport", is_new=True)
        assert "sport" in sitting.document()["item"]["all_labels"]
        sitting.decide(1, "label", "sport")
    assert [line["new"] for line in lines(file)] == [True, True]
    assert load(section, seed=0).ledger.changed[f"corrected by {file}"].count == 2


def test_the_page_is_told_what_speaks_for_what(tmp_path: Path) -> None:
    rows, right = planted()
    with open_sitting(DataSection(train=write(tmp_path / "r.jsonl", rows))) as sitting:
        item = sitting.document()["item"]
        assert item["why"].startswith(f"labelled '{item['label']}' (")
        assert item["choices"][0]["label"] == right[item["given"]]
        assert item["label"] not in [one["label"] for one in item["choices"]]
        near = {part["label"]: part["rows"] for part in item["near"]}
        assert set(near) == {item["label"], right[item["given"]]}
        assert all(row["text"] != item["given"] for part in near.values() for row in part)
    (tmp_path / "corrections.jsonl").unlink(missing_ok=True)


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_rows_are_doubted_as_they_are_cleaned_and_named_as_they_stand(tmp_path: Path) -> None:
    rows, right = planted()
    for row in rows[::2]:
        row["label"] = row["label"].upper()
        row["text"] += "\u200b"
    file = tmp_path / "c.jsonl"
    section = DataSection(
        train=write(tmp_path / "r.jsonl", rows),
        clean={"normalise": True, "label_spellings": {"names": {n.upper(): n for n in NAMES}}},
        corrections=[],
    )
    right |= {f"{text}\u200b": label for text, label in right.items()}
    sat(section, file, right)
    found = load(section.model_copy(update={"corrections": str(file)}), seed=0)
    splits = found.splits
    every = (*splits.train, *splits.validation, *splits.test)
    wrong = [row for row in every if row.target() != right[row.given()]]
    assert len(every) == len(rows)
    assert len(wrong) <= 3  # of 30: these look right


def test_all_rows_are_asked_behind_the_doubtful_each_once(tmp_path: Path) -> None:
    rows, _ = planted()
    section = DataSection(train=write(tmp_path / "r.jsonl", [*rows, *rows[:9]]))
    with open_sitting(section) as sitting:
        doubtful = list(sitting.asked.queue)
    with open_sitting(section, everything=True) as sitting:
        assert sitting.asked.queue[: len(doubtful)] == doubtful
        assert len(sitting.asked.queue) == len(rows)
    with open_sitting(section, everything=True, most=5) as sitting:
        assert sitting.asked.queue == doubtful[:5]


def test_given_test_rows_are_asked_too(tmp_path: Path) -> None:
    rows, right = planted()
    wrong = {"text": "soup pasta waiter menu kitchen tasty dinner lunch order", "label": "money"}
    section = DataSection(
        train=write(tmp_path / "r.jsonl", [{"text": t, "label": n} for t, n in right.items()]),
        test=write(tmp_path / "t.jsonl", [*rows[:3], wrong]),
    )
    with open_sitting(section) as sitting:
        assert wrong["text"] in [sitting.asked.rows[at].given() for at in sitting.asked.queue]


CHATS = [{"prompt": f"What is {n} + {n}?", "completion": str(2 * n)} for n in range(10)]
PAIRS = [{"prompt": f"{n} + {n}?", "chosen": "no idea", "rejected": str(2 * n)} for n in range(10)]
TAGS = [{"text": f"a song of {n} and rain", "labels": ["rain", "song"]} for n in range(10)]


@pytest.mark.parametrize(
    ("rows", "what", "value", "line"),
    [
        (CHATS, "answer", "four", {"answer": "four"}),
        (PAIRS, "swap", True, {"swap": True}),
        (PAIRS, "answer", "0", {"answer": "0"}),
        (TAGS, "labels", ["song"], {"was": ["rain", "song"], "labels": ["song"]}),
        (TAGS, "labels", ["rain", "song"], {"confirmed": True}),
        (CHATS, "answer", "0", {"confirmed": True}),
    ],
)
def test_other_rows_are_asked_one_after_the_other(
    tmp_path: Path, rows: list[Any], what: Any, value: Any, line: dict[str, Any]
) -> None:
    file = tmp_path / "c.jsonl"
    section = DataSection(train=write(tmp_path / "r.jsonl", rows))
    with open_sitting(section, file=file, everything=True) as sitting:
        assert what in sitting.document()["item"]["can"]
        sitting.decide(0, what, value)
    (written,) = lines(file)
    assert {name: written[name] for name in line} == line
    found = load(section.model_copy(update={"corrections": str(file)}), seed=0)
    assert sum(counted.count for counted in found.ledger.changed.values()) == (
        "confirmed" not in line
    )


def test_a_model_that_speaks_of_itself_is_asked_about(tmp_path: Path) -> None:
    odd = {"prompt": "Are you there?", "completion": "As an AI language model, I cannot say."}
    with open_sitting(DataSection(train=write(tmp_path / "r.jsonl", [*CHATS, odd]))) as sitting:
        assert [sitting.asked.rows[at].given() for at in sitting.asked.queue] == ["Are you there?"]


@pytest.mark.parametrize("name", ["rows/c.jsonl", "rows/r.jsonl"])
def test_decisions_do_not_go_into_the_data(tmp_path: Path, name: str) -> None:
    (tmp_path / "rows").mkdir()
    write(tmp_path / "rows" / "r.jsonl", CHATS)
    train = "rows" if name.endswith("c.jsonl") else "rows/r.jsonl"
    with pytest.raises(RecipeError, match=r"(is|stands in) the input.*--corrections FILE"):
        open_sitting(DataSection(train=train), file=Path(name)).__enter__()


def test_a_file_of_other_rows_is_refused_and_stays_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "c.jsonl"
    file.write_text(json.dumps({"key": "0" * 64, "drop": True}) + "\n")
    before = file.read_bytes()
    with pytest.raises(LuthierError, match="not one of 1 corrections fits a row"):
        open_sitting(DataSection(train=write(tmp_path / "r.jsonl", CHATS)), file=file).__enter__()
    assert file.read_bytes() == before
