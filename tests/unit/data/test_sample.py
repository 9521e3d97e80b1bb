"""Rows that train more than once or not at all: by the weight of their file, or by class."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from luthier.core.errors import DataError, RecipeError
from luthier.data.ledger import Ledger
from luthier.data.load import Loaded, load
from luthier.data.rows import Labeled, Origin, Row, Text
from luthier.data.sample import balanced, weighted
from luthier.recipe.data_section import DataSection, WeightedFile
from luthier.recipe.load import read


def labelled(counts: dict[str, int]) -> list[Row]:
    return [
        Labeled(origin=Origin("f", at), text=f"{label} {at}", label=label)
        for label, count in counts.items()
        for at in range(count)
    ]


def of_file(name: str, count: int) -> list[Row]:
    return [Text(origin=Origin(name, at), text=f"{name} {at}") for at in range(count)]


def kept(rows: Sequence[Row], found: Sequence[Row], ledger: Ledger) -> Ledger:
    ledger.rows_in = len(rows)
    ledger.use("train", len(found))
    ledger.check()
    return ledger


@pytest.mark.parametrize(
    ("how", "each"), [("over", 9), ("under", 2), (4, 4), (1, 1), (20, 20)], ids=str
)
def test_every_class_has_as_many_rows_as_was_asked_for(how: str | int, each: int) -> None:
    rows = labelled({"a": 9, "b": 5, "c": 2})
    found, (words,) = balanced(rows, how, ledger := Ledger(), seed=0)
    assert Counter(row.stratum() for row in found) == {"a": each, "b": each, "c": each}
    times = Counter(row.key() for row in found)
    for label in "abc":  # none comes twice more often than another
        of_class = [times[row.key()] for row in rows if row.stratum() == label]
        assert max(of_class) - min(of_class) <= 1
    assert f"data.sample={how}" in words
    assert "'a' had 9, 'b' had 5, 'c' had 2" in words
    kept(rows, found, ledger)


def test_rows_say_that_they_are_repetitions() -> None:
    found, _ = balanced(labelled({"a": 2, "b": 1}), "over", Ledger(), seed=0)
    assert [row.origin.made for row in found] == ["", "", "", "repeat 2"]


def test_rows_without_classes_are_not_balanced() -> None:
    with pytest.raises(RecipeError, match=r"data\.sample: got 'over', but text rows have not one"):
        balanced(of_file("f", 3), "over", Ledger(), seed=0)


def test_rows_of_a_file_come_as_often_as_its_weight_says() -> None:
    rows = [*of_file("a", 400), *of_file("b", 400), *of_file("c", 10)]
    found = weighted(rows, {"a": 2.5, "b": 0.25, "c": 1}, ledger := Ledger(), seed=0)
    counts = Counter(row.origin.file for row in found)
    assert 950 < counts["a"] < 1050  # four deviations of 400 draws: 40
    assert 65 < counts["b"] < 135
    assert counts["c"] == 10
    assert set(kept(rows, found, ledger).dropped) == {"b: weight in data.train"}


def test_what_a_weight_leaves_out_does_not_depend_on_the_other_rows() -> None:
    few = weighted(of_file("a", 50), {"a": 0.5}, Ledger(), seed=0)
    many = weighted(of_file("a", 100), {"a": 0.5}, Ledger(), seed=0)
    assert [row for row in many if row.origin.line < 50] == list(few)


def test_a_weight_that_leaves_nothing_is_refused() -> None:
    with pytest.raises(DataError, match="none of its 2 rows is left"):
        weighted(of_file("a", 2), {"a": 0.001}, Ledger(), seed=0)


def opened(folder: Path, **said: Any) -> Loaded:
    for name, count in (("one", 60), ("two", 60)):
        rows = [{"text": f"{name} {at} words", "label": "ab"[at % 3 == 0]} for at in range(count)]
        (folder / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    files = [
        WeightedFile(path=str(folder / "one.jsonl"), weight=3),
        str(folder / "two.jsonl"),
    ]
    return load(DataSection(train=files, **said), seed=0)


def test_weights_and_balance_change_train_alone_and_the_ledger_adds_up(tmp_path: Path) -> None:
    loaded = opened(tmp_path, sample="over", augment={"words": 0.5})
    counts = Counter(row.stratum() for row in loaded.splits.train)
    assert counts["a"] == counts["b"]
    held = (*loaded.splits.validation, *loaded.splits.test)
    assert not any(row.origin.made for row in held)
    assert len({row.key() for row in held}) == len(held)
    added = loaded.ledger.document()["rows"]["added"]
    assert f"{tmp_path / 'one.jsonl'}: weight in data.train" in added
    assert "classes balanced (data.sample=over)" in added
    assert any(line.startswith("data.sample=over: ") for line in loaded.description)


def test_a_weight_of_a_pattern_is_that_of_each_file(tmp_path: Path) -> None:
    opened(tmp_path)
    files: list[str | WeightedFile] = [WeightedFile(path=str(tmp_path / "*.jsonl"), weight=2)]
    loaded = load(DataSection(train=files), seed=0)
    assert len(loaded.splits.train) == 2 * len({row.key() for row in loaded.splits.train})


@pytest.mark.parametrize(
    ("item", "words"),
    [
        ({"path": "a", "wieght": 2}, "data.train.0.wieght: unknown key; did you mean 'weight'?"),
        ({"weight": 2}, "data.train.0.path: missing"),
        ({"path": "a", "weight": 0}, "data.train.0.weight: got 0, expected a number above 0"),
        (3, "data.train.0: got 3, expected text"),
    ],
)
def test_a_list_of_files_names_what_is_wrong_with_it(item: Any, words: str) -> None:
    with pytest.raises(RecipeError) as caught:
        read({"model": "m", "data": {"train": [item]}})
    assert words in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("value", [0, -3, "ovr", 2.5, True])
def test_what_is_no_way_of_sampling_is_refused(value: Any) -> None:
    with pytest.raises(RecipeError, match=r"data\.sample: got .*expected as_is, over"):
        read({"model": "m", "data": {"train": "a", "sample": value}})


def test_rows_of_documents_in_a_folder_have_the_weight_of_the_folder(tmp_path: Path) -> None:
    for at in range(12):
        (tmp_path / f"page{at}.txt").write_text(f"page {at} is about the subject {at}")
    files: list[str | WeightedFile] = [WeightedFile(path=str(tmp_path), weight=2)]
    loaded = load(DataSection(train=files, format="text"), seed=0)
    assert len(loaded.splits.train) == 2 * len({row.key() for row in loaded.splits.train})
