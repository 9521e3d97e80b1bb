"""Columns beside the text that tell the label: planted ones are named, others are let alone."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from luthier.data.checks import Finding, telling_columns
from luthier.data.examine import examine
from luthier.recipe.schema import DataSection

WORDS = ["money", "fee", "bank", "train", "seat", "gate", "soup", "table", "menu"]


def found_with(folder: Path, rows: list[dict[str, Any]], **section: Any) -> list[Finding]:
    drawn = random.Random(1)
    path = folder / "rows.jsonl"
    lines = [{"text": " ".join(drawn.choices(WORDS, k=9)), **row} for row in rows]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    found = examine(DataSection(train=str(path), **section)).findings
    return [finding for finding in found if finding.name == "telling_columns"]


def drawn_labels(number: int = 400, of: int = 2) -> list[str]:
    drawn = random.Random(2)
    return [f"kind {drawn.randrange(of)}" for _ in range(number)]


def test_columns_that_say_nothing_of_the_label_are_let_alone(tmp_path: Path) -> None:
    drawn = random.Random(3)
    rows = [
        {
            "label": label,
            "id": at,
            "uuid": f"{drawn.getrandbits(64):x}",
            "source": drawn.choice("abc"),
            "length": drawn.random(),
            "same": "always",
            "nothing": None,
        }
        for at, label in enumerate(drawn_labels())
    ]
    assert found_with(tmp_path, rows) == []


def test_forty_columns_of_chance_in_sixty_rows_are_let_alone(tmp_path: Path) -> None:
    drawn = random.Random(4)
    rows = [
        {"label": label, **{f"c{at}": drawn.random() for at in range(40)}}
        for label in drawn_labels(60)
    ]
    assert found_with(tmp_path, rows) == []


def test_a_source_that_tells_the_label_is_named_with_a_row_of_each_label(tmp_path: Path) -> None:
    drawn = random.Random(5)
    rows = [
        {"label": label, "site": "ab"[label == "kind 1"] if drawn.random() < 0.95 else "c"}
        for label in drawn_labels()
    ]
    (finding,) = found_with(tmp_path, rows)
    assert finding.title.startswith("column 'site' alone tells 9")
    assert "always the most frequent label would be 5" in finding.title
    assert {row.beside for row in finding.shown[:2]} == {
        "site 'a', label 'kind 0'",
        "site 'b', label 'kind 1'",
    }
    assert not finding.is_certain


@pytest.mark.parametrize("name", ["id", "file", "when"])
def test_an_id_that_the_label_follows_is_named(tmp_path: Path, name: str) -> None:
    made = {"id": "{at}", "file": "part-{at:05}.txt", "when": "2024-01-01T{hour:02}:{minute:02}"}
    rows = [
        {"label": label, name: made[name].format(at=at, hour=at // 60, minute=at % 60)}
        for at, label in enumerate(sorted(drawn_labels(of=4)))
    ]
    (finding,) = found_with(tmp_path, rows)
    assert finding.title.startswith(f"column '{name}' alone tells 9")
    assert " by its order;" in finding.title


def test_a_number_above_which_every_label_is_one_is_named(tmp_path: Path) -> None:
    drawn = random.Random(6)
    rows = [
        {"label": label, "votes": drawn.random() + (0.9 if label == "kind 1" else 0)}
        for label in drawn_labels()
    ]
    assert "column 'votes'" in found_with(tmp_path, rows)[0].title


def test_a_column_that_only_rows_of_one_label_have_is_named(tmp_path: Path) -> None:
    rows = [
        {"label": label, **({"answered": f"{at} words"} if label == "kind 1" else {})}
        for at, label in enumerate(drawn_labels())
    ]
    assert "column 'answered'" in found_with(tmp_path, rows)[0].title


def test_the_label_under_another_name_is_no_finding(tmp_path: Path) -> None:
    rows = [
        {"label": int(label[-1]), "label_text": label, "fine_label": f"{label} {at % 3}"}
        for at, label in enumerate(drawn_labels())
    ]
    assert found_with(tmp_path, rows) == []


def test_a_number_to_be_learned_is_told_by_a_column_too(tmp_path: Path) -> None:
    rows = [{"score": at / 7, "raw": f"{at * 2 + 1}"} for at in range(200)]
    (finding,) = found_with(tmp_path, rows, format="scored")
    assert "column 'raw' alone tells 9" in finding.title


def test_tags_are_told_by_the_document_they_stand_in(tmp_path: Path) -> None:
    rows = [
        {"tokens": ["Ann", "came", str(at)], "tags": [f"B-{'PL'[at % 2]}", "O", "O"],
         "desk": "us"[at % 2]}
        for at in range(100)
    ]  # fmt: skip
    path = tmp_path / "tags.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = examine(DataSection(train=str(path))).findings
    assert "column 'desk' alone tells 100%" in "".join(one.title for one in found)


def test_of_many_rows_some_are_drawn_from_everywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telling_columns, "_MOST_ROWS", 100)
    rows = [{"label": label, "id": at} for at, label in enumerate(sorted(drawn_labels()))]
    (finding,) = found_with(tmp_path, rows)
    assert "(of 100 rows drawn)" in finding.title
    assert finding.count == 100


def test_rows_that_are_dropped_or_repeated_do_not_shift_the_columns(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = []
    for label in drawn_labels(200):
        rows.append({"label": label, "site": label[-1] + "x"})
        rows.append({"label": "", "site": "no label"})
        rows.append({"text": f"the same {label}", "label": label, "site": label[-1] + "x"})
    (finding,) = found_with(tmp_path, rows)
    assert "tells 100%" in finding.title
    assert all("no label" not in row.beside for row in finding.shown)


@pytest.mark.parametrize(
    ("name", "is_named"),
    [("stage", True), ("categories", False), ("intentName", False), ("LABEL2", False)],
)
def test_only_whole_words_of_a_name_stand_for_the_label(
    tmp_path: Path, name: str, *, is_named: bool
) -> None:
    rows = [{"label": label, name: label[-1]} for label in drawn_labels()]
    assert bool(found_with(tmp_path, rows, columns={"text": "text", "label": "label"})) == is_named
