"""Names of persons in texts: found by a tagger, masked or left out, and refused without one."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.contracts.models import Polite

from luthier.cli.main import run
from luthier.data.clean import asked_for, cleaned
from luthier.data.ledger import Ledger
from luthier.data.rows import Labeled, Origin, Row
from luthier.workflow.people import MOST_WORDS, _pieces

TEXTS = ("Anna asked Bob, and Anna paid", "write to Bob@example.org", "nobody is here")


def masked(action: str = "mask") -> tuple[list[str], Ledger]:
    rows: list[Row] = [
        Labeled(origin=Origin("f", at + 1), text=text, label="a") for at, text in enumerate(TEXTS)
    ]
    ledger = Ledger()
    asked = asked_for({"personal": {"names": "tagger", "action": action}}, Polite())
    return [row.given() for row in cleaned(rows, asked, ledger)], ledger


def test_names_are_masked_the_same_in_a_row_and_addresses_that_hold_one_stay_addresses() -> None:
    texts, ledger = masked()
    assert texts == [
        "[NAME_1] asked [NAME_2], and [NAME_1] paid",
        "write to [EMAIL_1]",
        "nobody is here",
    ]
    assert set(ledger.changed) == {"personal data (NAME)", "personal data (EMAIL)"}


def test_rows_with_a_name_can_be_left_out() -> None:
    texts, ledger = masked("drop")
    assert texts == ["nobody is here"]
    assert ledger.dropped["personal data (NAME)"].count == 1


@pytest.mark.parametrize("command", ["check", "preview"])
def test_where_no_files_are_made_it_is_refused_with_the_command_that_makes_them(
    command: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "broken.jsonl").write_text("{")
    words = ["data", command, str(tmp_path / "broken.jsonl")]
    assert run([*words, "data.clean.personal.names=runs/tagger"]) == 2
    said = capfd.readouterr().err
    assert "recipe data.clean.personal: needs a tagger of persons" in said
    assert "luthier data clean DATA data.clean.personal.names=RUN --output FOLDER" in said


def test_long_texts_are_tagged_in_pieces_that_end_with_a_sentence() -> None:
    text = "one two three four five six seven eight nine ten. " * 30
    pieces = list(_pieces(text))
    assert all(len(row.tokens) <= MOST_WORDS for _, row in pieces)
    assert all(row.text.endswith(".") for _, row in pieces)
    assert [text[at : at + len(row.text)] for at, row in pieces] == [row.text for _, row in pieces]
    assert sum(len(row.tokens) for _, row in pieces) == 30 * 11
