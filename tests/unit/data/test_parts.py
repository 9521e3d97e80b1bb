"""Where one name stands for train beside other parts of the data, these are the splits."""

import json
import sqlite3
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError
from tests import pictures

from luthier.core.errors import DataError
from luthier.data.ledger import Ledger
from luthier.data.load import Loaded, load, parse_splits
from luthier.data.parts import part_of
from luthier.recipe.schema import DataSection
from luthier.workflow.versions import compare_files

TEXTS = {
    "train": [f"{word} is a word that is learned" for word in ("oak", "elm", "ash", "fir")],
    "validation": ["a maple chooses the step", "a walnut chooses it as well"],
    "test": ["spruce tells what it is worth", "cedar tells the same", "yew does so too"],
}


def rows(part: str) -> list[dict[str, str]]:
    return [{"text": text, "label": "ab"[at % 2]} for at, text in enumerate(TEXTS[part])]


def lines(part: str) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows(part))


def folder(root: Path) -> Path:
    for name in ("train-00000-of-00001", "validation", "test"):
        path = root / "data" / f"{name}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(lines(name.partition("-")[0]))
    return root


def document(root: Path) -> Path:
    root.mkdir()
    path = root / "all.json"
    path.write_text(json.dumps({"train": rows("train"), "val": rows("validation"),
                                "test": rows("test")}))  # fmt: skip
    return path


def database(root: Path) -> Path:
    root.mkdir()
    with sqlite3.connect(root / "all.db") as connection:
        for part in TEXTS:
            connection.execute(f"CREATE TABLE {part} (text TEXT, label TEXT)")
            values = [tuple(row.values()) for row in rows(part)]
            connection.executemany(f"INSERT INTO {part} VALUES (?, ?)", values)
    connection.close()
    return root / "all.db"


def archive(root: Path) -> Path:
    root.mkdir()
    with zipfile.ZipFile(root / "all.zip", "w") as file:
        for part in TEXTS:
            file.writestr(f"{part}.jsonl", lines(part))
    return root / "all.zip"


def texts_of(loaded: Loaded) -> dict[str, list[str]]:
    splits = {part: getattr(loaded.splits, part) for part in TEXTS}
    return {part: sorted(row.text for row in held) for part, held in splits.items()}


@pytest.mark.parametrize("make", [folder, document, database, archive])
def test_parts_are_the_splits(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    path = make(tmp_path / "d")
    loaded = load(DataSection(train=str(path)), seed=0)
    assert texts_of(loaded) == {part: sorted(texts) for part, texts in TEXTS.items()}
    assert loaded.description[0].startswith(f"{path}: its parts are taken as the splits: {path}")
    assert "beside them" not in loaded.description[0]


def test_folders_of_pictures_are_parts(tmp_path: Path) -> None:
    pictures.folder(tmp_path / "all" / "train", per_class=4)
    pictures.folder(tmp_path / "all" / "test", per_class=1)
    for at, path in enumerate(sorted((tmp_path / "all" / "test").rglob("*.png"))):
        pictures.picture(path.parent.name, seed=100 + at).save(path)
    section = DataSection(train=str(tmp_path / "all"), validation_share=0)
    splits = load(section, seed=0).splits
    of_train, of_test = (Counter(row.label for row in held) for held in (splits.train, splits.test))
    assert of_train == dict.fromkeys(pictures.COLOURS, 4)
    assert of_test == dict.fromkeys(pictures.COLOURS, 1)


def test_what_stands_beside_the_parts_is_not_read(tmp_path: Path) -> None:
    path = folder(tmp_path / "d")
    (path / "sample_submission.csv").write_text("text,label\nno,a\n")
    loaded = load(DataSection(train=f"{path}/"), seed=0)
    assert loaded.description[0].endswith("; 1 other table beside them: not read")
    assert texts_of(loaded)["train"] == sorted(TEXTS["train"])


def test_a_part_that_is_missing_is_split_off_train(tmp_path: Path) -> None:
    path = folder(tmp_path / "d")
    (path / "data" / "validation.jsonl").unlink()
    parsed = parse_splits(DataSection(train=str(path)), Ledger())
    assert {part: len(files) for part, files in parsed.items()} == {
        "train": 1, "validation": 0, "test": 1,
    }  # fmt: skip


@pytest.mark.parametrize("other", ["validation", "test"])
def test_a_split_of_ones_own_comes_before_a_part(tmp_path: Path, other: str) -> None:
    path = folder(tmp_path / "d")
    own = tmp_path / "own.jsonl"
    own.write_text(json.dumps({"text": "a yucca of one's own", "label": "a"}) + "\n")
    loaded = load(DataSection.model_validate({"train": str(path), other: str(own)}), seed=0)
    expected = {part: sorted(texts) for part, texts in TEXTS.items()}
    assert texts_of(loaded) == {**expected, other: ["a yucca of one's own"]}
    assert loaded.description[0].endswith(f"; {path}#{other} beside them: not read")


def test_a_part_that_cannot_be_a_split_is_said_to_be_one(tmp_path: Path) -> None:
    path = folder(tmp_path / "d")
    (path / "data" / "test.jsonl").write_text('{"id": 1, "text": "no answer, as from a contest"}\n')
    parts = rf"data\.train={path}#train data\.validation={path}#validation"
    expected = rf"taken for the test rows as a part of {path}\. To leave it out: {parts}"
    with pytest.raises(DataError, match=expected):
        load(DataSection(train=str(path)), seed=0)
    parsed = parse_splits(DataSection(train=f"{path}#train"), Ledger())
    assert [len(parsed[part]) for part in TEXTS] == [1, 0, 0]


def test_parts_without_one_to_learn_are_to_be_named(tmp_path: Path) -> None:
    path = folder(tmp_path / "d")
    (path / "data" / "train-00000-of-00001.jsonl").unlink()
    with pytest.raises(DataError, match=r"holds test, validation, which are parts"):
        load(DataSection(train=str(path)), seed=0)


def test_parts_given_for_another_setting_are_named_for_it(tmp_path: Path) -> None:
    path = folder(tmp_path / "d")
    (tmp_path / "a.jsonl").write_text(lines("train"))
    for split in ("validation", "test"):
        section = DataSection.model_validate({"train": f"{tmp_path}/a.jsonl", split: f"{path}/"})
        with pytest.raises(DataError, match=rf"Name one: data\.{split} = {path}/#{split}"):
            parse_splits(section, Ledger())
    before = DataSection(train=f"{tmp_path}/a.jsonl")
    with pytest.raises(DataError, match=rf"Name one: {path}/#train"):
        compare_files(before, DataSection(train=f"{path}/"))


def test_two_words_for_one_part_are_to_be_named(tmp_path: Path) -> None:
    path = tmp_path / "all.json"
    path.write_text(json.dumps({"train": rows("train"), "dev": rows("test"), "val": rows("test")}))
    with pytest.raises(DataError, match=r"3 of its arrays hold rows .*unclear"):
        load(DataSection(train=str(path)), seed=0)


def split(folder: Path) -> Path:
    """Texts as the classes `neg` and `pos` of `train` and `test`."""
    for part, text in (("train", "to learn"), ("test", "to judge")):
        for label in ("neg", "pos"):
            path = folder / part / label / "1.txt"
            path.parent.mkdir(parents=True)
            path.write_text(f"a {label} text {text}")
    return folder


@pytest.mark.parametrize("more", [None, "README.md", "notes.txt"])
def test_folders_of_texts_are_parts(tmp_path: Path, more: str | None) -> None:
    folder = split(tmp_path / "d")
    if more:
        (folder / more).write_text("what this is")
    section = DataSection(train=str(folder), validation_share=0)
    loaded = load(section, seed=0)
    assert texts_of(loaded) == {
        "train": ["a neg text to learn", "a pos text to learn"], "validation": [],
        "test": ["a neg text to judge", "a pos text to judge"],
    }  # fmt: skip
    assert loaded.labels == ("neg", "pos")
    assert loaded.description[0].endswith("; 1 other beside them: not read") is bool(more)


def test_parts_are_found_in_a_folder_around_them(tmp_path: Path) -> None:
    split(tmp_path / "d" / "imdb")
    loaded = load(DataSection(train=str(tmp_path / "d"), validation_share=0), seed=0)
    assert texts_of(loaded)["test"] == ["a neg text to judge", "a pos text to judge"]
    assert loaded.labels == ("neg", "pos")


def test_a_part_of_a_folder_of_texts_is_named(tmp_path: Path) -> None:
    folder = split(tmp_path / "d")
    parsed = parse_splits(DataSection(train=f"{folder}#TEST"), Ledger())
    (one,) = parsed["train"]
    assert [row.text for row in one.rows] == ["a neg text to judge", "a pos text to judge"]
    with pytest.raises(DataError, match=r"got '#nonsense', expected one of .* holds: test, train"):
        load(DataSection(train=f"{folder}#nonsense"), seed=0)


def test_a_further_folder_beside_the_parts_makes_them_unclear(tmp_path: Path) -> None:
    folder = split(tmp_path / "d")
    (folder / "unsup").mkdir()
    (folder / "unsup" / "1.txt").write_text("without a class")
    with pytest.raises(DataError, match=rf"holds test, train, .*\n.*data\.train = {folder}/train"):
        load(DataSection(train=str(folder)), seed=0)


def test_plain_texts_are_parts(tmp_path: Path) -> None:
    for name in ("train", "valid", "test"):
        (tmp_path / f"{name}.txt").write_text(f"a line of {name}\nand one more of {name}\n")
    parsed = parse_splits(DataSection(train=str(tmp_path)), Ledger())
    first = {part: next(iter(held[0].rows)).text for part, held in parsed.items()}
    assert first == {
        "train": "a line of train", "validation": "a line of valid", "test": "a line of test",
    }  # fmt: skip


def test_one_file_of_several_does_not_speak_for_all(tmp_path: Path) -> None:
    path = document(tmp_path / "d")
    (path.parent / "more.jsonl").write_text(lines("train"))
    for name in (path.parent, path.parent / "*.json*"):
        with pytest.raises(DataError, match=r"unclear which are meant(.|\n)*other files beside it"):
            load(DataSection(train=str(name)), seed=0)


def test_a_test_beside_tables_of_no_part_is_never_learned(tmp_path: Path) -> None:
    for name in ("data", "test"):
        (tmp_path / f"{name}.jsonl").write_text(lines("train"))
    expected = rf"holds test and 1 other table, .*\n.*data\.train = {tmp_path}/data\.jsonl"
    for name in (tmp_path, tmp_path / "*.jsonl"):
        with pytest.raises(DataError, match=expected):
            load(DataSection(train=str(name)), seed=0)
    (tmp_path / "test.jsonl").rename(tmp_path / "test of brakes.jsonl")
    parsed = parse_splits(DataSection(train=str(tmp_path)), Ledger())
    assert len(parsed["train"]) == 2


def test_files_of_a_pattern_are_parts(tmp_path: Path) -> None:
    folder(tmp_path / "test")  # what lies around them says nothing
    loaded = load(DataSection(train=str(tmp_path / "test" / "data" / "*.jsonl")), seed=0)
    assert texts_of(loaded) == {part: sorted(texts) for part, texts in TEXTS.items()}


def test_parts_of_one_file_in_an_archive_are_the_splits(tmp_path: Path) -> None:
    path = document(tmp_path / "d")
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as file:
        file.write(path, "all.json")
    loaded = load(DataSection(train=str(tmp_path / "all.zip")), seed=0)
    assert texts_of(loaded) == {part: sorted(texts) for part, texts in TEXTS.items()}


def test_words_alike_for_different_parts_are_to_be_named(tmp_path: Path) -> None:
    for name in ("train", "eval", "test"):
        (tmp_path / f"{name}.jsonl").write_text(lines("train"))
    with pytest.raises(DataError, match=r"holds test, train, which are parts"):
        load(DataSection(train=str(tmp_path)), seed=0)


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("TrainData.csv", "train"), ("a/testset.csv", "test"), ("Dev.csv", "validation"),
        ("latest.csv", ""), ("contest.json", ""), ("trainers.csv", ""),
    ],
)  # fmt: skip
def test_what_a_name_says_of_its_part(name: str, part: str) -> None:
    assert part_of(name) == part


def test_an_empty_list_of_files_is_refused() -> None:
    with pytest.raises(ValidationError, match="expected at least one file"):
        DataSection.model_validate({"train": "a.csv", "test": []})
    with pytest.raises(DataError, match="list of files is empty"):
        load(DataSection(train=[]), seed=0)
