"""Where one name stands for train beside other parts of the data, these are the splits."""

import json
import sqlite3
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from tests import pictures

from luthier.core.errors import DataError
from luthier.data.ledger import Ledger
from luthier.data.load import Loaded, load, parse_splits
from luthier.recipe.schema import DataSection

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
    expected = rf"taken for the test rows as a part of {path}\. To leave it out: .*={path}#train"
    with pytest.raises(DataError, match=expected):
        load(DataSection(train=str(path)), seed=0)
    parsed = parse_splits(DataSection(train=f"{path}#train"), Ledger())
    assert [len(parsed[part]) for part in TEXTS] == [1, 0, 0]


def test_parts_without_one_to_learn_are_to_be_named(tmp_path: Path) -> None:
    path = folder(tmp_path / "d")
    (path / "data" / "train-00000-of-00001.jsonl").unlink()
    with pytest.raises(DataError, match=r"holds test, validation, which are parts"):
        load(DataSection(train=str(path)), seed=0)


def test_two_words_for_one_part_are_to_be_named(tmp_path: Path) -> None:
    path = tmp_path / "all.json"
    path.write_text(json.dumps({"train": rows("train"), "dev": rows("test"), "val": rows("test")}))
    with pytest.raises(DataError, match=r"3 of its arrays hold rows .*unclear"):
        load(DataSection(train=str(path)), seed=0)
