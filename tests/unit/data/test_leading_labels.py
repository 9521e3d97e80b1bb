"""Lines that begin with their class or classes, as fastText reads them."""

from __future__ import annotations

from pathlib import Path

import pytest

from luthier.core.errors import DataError
from luthier.data.asked import read_rows
from luthier.data.ledger import Ledger
from luthier.data.parse import Parsed, Reading, parse_file


def read(tmp_path: Path, *lines: str, wants: str = "auto") -> Parsed:
    path = tmp_path / "a.txt"
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return parse_file(str(path), Reading(wants=wants), Ledger())


ONE = ["__label__a how  is it", "__label__a what", "__label__b why"]
TWO = ["__label__a __label__b how\tis it", "__label__a what", "__label__a __label__c why"]


def test_a_label_ends_at_any_white_space(tmp_path: Path) -> None:
    rows = read(tmp_path, "__label__a\thow  is it", *ONE[1:]).rows
    assert [(row.label, row.text) for row in rows][:1] == [("a", "how  is it")]  # type: ignore[attr-defined]


def test_a_second_label_is_no_text_and_is_refused_with_who_learns_both(tmp_path: Path) -> None:
    message = r"a.txt line 1: two labels, '__label__a' and '__label__b'.*\n.*multilabel"
    with pytest.raises(DataError, match=message):
        read(tmp_path, *TWO, wants="labeled")


def test_lines_with_all_their_labels_are_read_with_all_of_them(tmp_path: Path) -> None:
    parsed = read(tmp_path, *TWO, "nothing", "why __label__c")
    assert (parsed.shape, parsed.format) == ("multilabeled", "leading_labels")
    found = [(row.labels, row.text) for row in parsed.rows]  # type: ignore[attr-defined]
    assert found == [
        (("a", "b"), "how\tis it"), (("a",), "what"), (("a", "c"), "why"), ((), "nothing"),
        (("c",), "why"),
    ]  # fmt: skip


def test_lines_of_one_label_each_are_classes_unless_asked_otherwise(tmp_path: Path) -> None:
    assert read(tmp_path, *ONE).shape == "labeled"
    assert read(tmp_path, *ONE, wants="multilabeled").shape == "multilabeled"


def test_lines_to_be_predicted_need_no_label_and_show_none(tmp_path: Path) -> None:
    path = tmp_path / "new.txt"
    path.write_text("how is it\nwhat\nwhy\n")
    assert [row.given() for row in read_rows(path, wants="multilabeled")] == [
        "how is it",
        "what",
        "why",
    ]
    path.write_text("\n".join(TWO))
    rows = read_rows(path, wants="multilabeled")
    assert [row.given() for row in rows] == ["how\tis it", "what", "why"]
