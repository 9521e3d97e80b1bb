"""What the checks say before training, and what they stop."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from luthier.core.errors import DataError
from luthier.core.events import Event, Notice
from luthier.data import kept
from luthier.data.ledger import Ledger
from luthier.data.load import Loaded, load
from luthier.data.rows import Labeled, Origin, Row, Splits
from luthier.recipe.schema import DataSection
from luthier.workflow import first_look as module
from luthier.workflow.first_look import first_look
from luthier.workflow.stages import Stages

KEY = "AKIA" + "Q3EGZ7XW5NL2TPVR"
WORDS = ("apple", "bridge", "candle", "desert", "engine", "forest", "garden", "harbour")


def row(line: int, text: str, label: str = "a") -> Row:
    return Labeled(origin=Origin("rows.csv", line), text=text, label=label)


def clean_rows(count: int = 40) -> list[Row]:
    return [
        row(n + 2, f"{WORDS[n % 8]} and {WORDS[n * 3 % 7]} {n * 7919}", "ab"[n % 2])
        for n in range(count)
    ]


def look(rows: list[Row], **settings: str) -> tuple[list[dict[str, object]], list[Notice]]:
    told: list[Event] = []
    loaded = Loaded(Splits(train=rows), Ledger(), [], {}, "labeled", ("a", "b"))
    section = DataSection.model_validate({"train": "rows.csv", **settings})
    found = first_look(loaded, section, Stages(told.append))
    return found, [event for event in told if isinstance(event, Notice)]


def test_a_secret_in_one_row_stops_the_run_and_names_the_row_without_the_secret() -> None:
    rows = [*clean_rows(), row(99, f"my key is {KEY}")]
    with pytest.raises(DataError) as caught:
        look(rows)
    message = str(caught.value)
    assert message.startswith("rows.csv line 99: personal data (SECRET), in 1 of 41 rows")
    assert "data.clean.personal=true" in message
    assert "data.on_finding = warn" in message
    assert KEY not in message


def test_with_warn_it_is_only_said() -> None:
    found, told = look([*clean_rows(), row(99, f"my key is {KEY}")], on_finding="warn")
    (said,) = [notice for notice in told if "personal data (SECRET)" in notice.text]
    assert said.level == "warning"
    assert "personal" in {finding["name"] for finding in found}


def test_with_off_nothing_is_looked_for() -> None:
    assert look([*clean_rows(), row(99, f"my key is {KEY}")], on_finding="off") == ([], [])


def test_labels_that_contradict_each_other_stop_the_run_only_where_they_are_many() -> None:
    twice = [row(100 + n, f"{WORDS[n % 8]} {n}", label) for n in range(8) for label in "ab"]
    with pytest.raises(DataError, match=r"data.clean.contradictions=true"):
        look(twice)
    found, told = look([*clean_rows(200), *twice])
    assert "contradictions" in {finding["name"] for finding in found}
    assert {notice.level for notice in told} == {"info"}


def test_personal_data_that_is_no_secret_is_said_and_stops_nothing() -> None:
    found, told = look([*clean_rows(), row(99, "write to eva@example.org")])
    assert found[0]["name"] == "personal"
    assert told[0].text == "1 row: personal data (EMAIL) (data.clean.personal=true)"


def test_only_the_first_rows_are_looked_at_and_that_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MOST_ROWS", 20)
    rows = clean_rows()
    rows[3] = row(5, "write to eva@example.org")
    rows[30] = row(32, "write to ida@example.org")
    found, told = look(rows)
    (personal,) = [finding for finding in found if finding["name"] == "personal"]
    assert personal["count"] == 1
    assert any(notice.text.startswith("1 row of the first 20: personal") for notice in told)


def test_what_is_found_can_be_written() -> None:
    found, _ = look([*clean_rows(), row(99, "write to eva@example.org")])
    numbers = [value for one in found for value in one.values() if isinstance(value, float)]
    assert all(map(math.isfinite, numbers))


def test_rows_that_were_made_of_others_are_no_finding() -> None:
    rows = clean_rows()
    repeats = [replace(one, origin=replace(one.origin, made="repeat 2")) for one in rows]
    assert look([*rows, *repeats]) == look(rows)


def test_a_column_of_the_file_that_tells_the_label_is_said(tmp_path: Path) -> None:
    lines = [{"text": r.given(), "label": r.target(), "site": f"{r.target()}.org"}
             for r in clean_rows(80)]  # fmt: skip
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    section = DataSection(train=str(path))
    found = first_look(load(section, seed=0), section, Stages(lambda _: None))
    assert "column 'site' alone tells 100%" in "".join(one["title"] for one in found)


def test_columns_of_the_first_rows_are_kept_and_no_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [{"text": r.given(), "label": r.target(), "site": n} for n, r in
             enumerate(clean_rows(80))]  # fmt: skip
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    monkeypatch.setattr(kept, "FIRST_ROWS", 30)
    loaded = load(DataSection(train=str(path), validation_share=0.1), seed=0)
    columns = loaded.others(loaded.splits.train)
    numbers = [one.origin.line for one in loaded.splits.train]
    assert [record.get("site") for record in columns] == [
        number - 1 if number <= 30 else None for number in numbers
    ]
