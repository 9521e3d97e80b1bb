"""Labels that are missing: what programs write for them in tables is no class."""

import json
from pathlib import Path

import pytest

from luthier.core.errors import DataError
from luthier.data.checks.missing_labels import MissingLabels
from luthier.data.ledger import Ledger
from luthier.data.load import parse_files
from luthier.data.parse import Parsed, Reading, parse_file
from luthier.data.rows import Labeled, Origin, Row

WORDS = ["nan", "NaN", "<NA>", "NaT", "None", "NULL", "null"]


def parsed(path: Path, *, text: str, ledger: Ledger | None = None) -> Parsed:
    path.write_text(text)
    return parse_file(str(path), Reading(), ledger or Ledger())


def labels(found: Parsed) -> list[str]:
    return [row.label for row in found.rows if isinstance(row, Labeled)]


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("name", ["a.csv", "a.tsv"])
def test_a_label_that_a_table_writes_as_missing_is_no_class(
    tmp_path: Path, word: str, name: str
) -> None:
    ledger, mark = Ledger(), "," if name == "a.csv" else "\t"
    rows = [("text", "label"), ("one", "good"), ("two", word), ("three", "bad"), ("four", word)]
    found = parsed(
        tmp_path / name, text="".join(f"{mark.join(row)}\n" for row in rows), ledger=ledger
    )
    reason = f"label '{word}', as programs write a missing one"
    assert labels(found) == ["good", "bad"]
    assert {why: entry.count for why, entry in ledger.dropped.items()} == {reason: 2}
    said = f"line 3: row left out: {reason} (in 2 rows of this file)"
    assert any(line.endswith(said) for line in found.description)


@pytest.mark.parametrize("word", ["none", "Nan", "NA", "n/a", "no"])
def test_other_words_are_classes(tmp_path: Path, word: str) -> None:
    assert labels(parsed(tmp_path / "a.csv", text=f"text,label\none,{word}\n")) == [word]


def test_a_text_of_such_a_word_is_a_text(tmp_path: Path) -> None:
    found = parsed(tmp_path / "a.csv", text="text,label\nnan,good\nNone,bad\n")
    assert [row.given() for row in found.rows] == ["nan", "None"]


def test_the_same_word_in_quotes_of_json_is_a_class(tmp_path: Path) -> None:
    rows = [{"text": "one", "label": "None"}, {"text": "two", "label": "bad"}]
    rows.append({"text": "three", "label": None})  # pyright: ignore[reportArgumentType]
    found = parsed(tmp_path / "a.jsonl", text="".join(json.dumps(row) + "\n" for row in rows))
    assert labels(found) == ["None", "bad"]


def test_a_class_that_stands_beside_the_data_is_one_in_a_table_too(tmp_path: Path) -> None:
    feature = {"names": ["None", "some"], "_type": "ClassLabel"}
    (tmp_path / "dataset_info.json").write_text(json.dumps({"features": {"label": feature}}))
    assert labels(parsed(tmp_path / "a.csv", text="text,label\na,0\nb,1\n")) == ["None", "some"]
    assert labels(parsed(tmp_path / "b.csv", text="text,label\na,None\n")) == ["None"]


def test_a_table_without_any_label_is_refused_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text,label\none,nan\ntwo,nan\n")
    with pytest.raises(DataError, match=r"not one row can be used: label 'nan', as programs"):
        parse_files(str(tmp_path / "a.csv"), Reading(), Ledger())


def test_rows_with_several_labels_drop_such_a_cell_too(tmp_path: Path) -> None:
    text = "text,labels\none,a;b\ntwo,NULL\nthree,b;c\n"
    rows = parsed(tmp_path / "a.csv", text=text).rows
    assert [row.given() for row in rows] == ["one", "three"]


def rows_with(*names: str) -> list[Row]:
    return [
        Labeled(origin=Origin("f", at), text=f"text {at}", label=name)
        for at, name in enumerate(names, start=1)
    ]


def test_a_check_names_labels_that_may_be_missing_ones() -> None:
    (found,) = MissingLabels().look(rows_with("good", "None", "None", "bad", "nan"))
    assert found.title == "labels that may be missing ones: 'None' (2), 'nan' (1)"
    assert (found.count, found.places) == (3, ["f line 2", "f line 3", "f line 5"])
    assert not found.is_certain


def test_a_check_names_no_other_label() -> None:
    assert not list(MissingLabels().look(rows_with("none", "other", "NA")))


@pytest.mark.parametrize("word", ["n/a", "N/A", " #N/A", "-", "\u2013", "?", "k.A."])
def test_a_check_names_what_people_write_for_a_missing_label(word: str) -> None:
    (found,) = MissingLabels().look(rows_with("good", "bad", word))
    assert found.places == ["f line 3"]
    assert not found.is_certain
