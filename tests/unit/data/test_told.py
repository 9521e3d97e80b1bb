"""Names of classes that stand beside the data: dataset_info.json, dataset_infos.json, a card."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from luthier.core.errors import DataError
from luthier.data.find import find, find_one
from luthier.data.load import load
from luthier.data.opened import Opened
from luthier.recipe.schema import DataSection

NAMES = {"names": ["bad", "good"], "_type": "ClassLabel"}
INFO = json.dumps({"features": {"text": {"dtype": "string"}, "label": NAMES}})
INFOS = json.dumps({"plain": {"features": {"label": {**NAMES, "num_classes": 2, "id": None}}}})
CARD = """---
language: en
dataset_info:
  features:
  - name: text
    dtype: string
  - name: label
    dtype:
      class_label:
        names:
          '0': bad
          '1': good
---
# A set
"""
BESIDE = {"dataset_info.json": INFO, "dataset_infos.json": INFOS, "README.md": CARD}


def write(path: Path, labels: list[Any], *, column: str = "label") -> Path:
    """Rows with these labels, as the extension says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    texts = [f"text {at}" for at in range(len(labels))]
    if path.suffix == ".parquet":
        pq.write_table(pa.table({"text": texts, column: labels}), path)
    elif path.suffix == ".csv":
        rows = [f"{text},{label}" for text, label in zip(texts, labels, strict=True)]
        path.write_text("\n".join([f"text,{column}", *rows]))
    else:
        rows = [{"text": text, column: label} for text, label in zip(texts, labels, strict=True)]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def labels_of(opened: Opened, column: str = "label") -> list[Any]:
    return [record[column] for _, record in opened.records]


def read(path: Path) -> Opened:
    return find_one(str(path), encoding="auto")


@pytest.mark.parametrize("file", BESIDE)
@pytest.mark.parametrize("name", ["train.parquet", "data/train.jsonl", "a/b/train.csv"])
def test_numbers_are_read_as_the_names_that_stand_beside(
    tmp_path: Path, file: str, name: str
) -> None:
    (tmp_path / file).write_text(BESIDE[file])
    opened = read(write(tmp_path / name, [1, 0, -1, 1]))
    said = f"numbers of 'label' are read as the names that {file} has for them (bad, good)"
    assert said in opened.notes
    assert labels_of(opened) == ["good", "bad", None, "good"]


def test_they_hold_for_files_below_their_folder_alone(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "dataset_info.json").write_text(INFO)
    assert labels_of(read(write(tmp_path / "two" / "a.csv", [0, 1]))) == ["0", "1"]
    assert labels_of(read(write(tmp_path / "a.csv", [0, 1]))) == ["0", "1"]


def test_the_nearest_names_are_taken(tmp_path: Path) -> None:
    path = write(tmp_path / "in" / "a.csv", [0])
    (tmp_path / "dataset_info.json").write_text(INFO)
    (tmp_path / "in" / "dataset_info.json").write_text(INFO.replace("bad", "poor"))
    assert labels_of(read(path)) == ["poor"]


def test_names_in_the_file_itself_stay(tmp_path: Path) -> None:
    (tmp_path / "dataset_info.json").write_text(INFO)
    opened = read(write(tmp_path / "a.csv", ["good", "bad", "neutral"]))
    assert labels_of(opened) == ["good", "bad", "neutral"]
    assert not any("numbers" in note for note in opened.notes)


def test_names_that_are_numbers_are_names_where_they_are_text(tmp_path: Path) -> None:
    stars = json.dumps({"features": {"label": {"names": ["1", "2", "3"], "_type": "ClassLabel"}}})
    (tmp_path / "dataset_info.json").write_text(stars)
    assert labels_of(read(write(tmp_path / "a.csv", [1, 2, 3]))) == ["1", "2", "3"]
    assert labels_of(read(write(tmp_path / "a.jsonl", [0, 1, 2]))) == ["1", "2", "3"]


def test_whole_numbers_that_pandas_wrote_as_fractions_are_numbers(tmp_path: Path) -> None:
    (tmp_path / "dataset_info.json").write_text(INFO)
    assert labels_of(read(write(tmp_path / "a.csv", ["1.0", "", "0.0"]))) == ["good", "", "bad"]


@pytest.mark.parametrize(
    "feature",
    ["sequence:\n      class_label:\n        names: {'0': O, '1': B-wood}",
     "list:\n      class_label:\n        names: {'0': O, '1': B-wood}",
     "sequence:\n      dtype:\n        class_label:\n          names: [O, B-wood]"],
)  # fmt: skip
def test_lists_of_numbers_have_names_too(tmp_path: Path, feature: str) -> None:
    card = f"---\ndataset_info:\n  features:\n  - name: tags\n    {feature}\n---\n"
    (tmp_path / "README.md").write_text(card)
    path = write(tmp_path / "a.jsonl", [[0, 1, 0]], column="tags")
    assert labels_of(read(path), "tags") == [["O", "B-wood", "O"]]


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet"])
def test_a_number_that_no_class_has_is_refused_by_its_row(tmp_path: Path, name: str) -> None:
    (tmp_path / "dataset_info.json").write_text(INFO)
    path = write(tmp_path / name, [0, 1, 2])
    said = r"line \d, label: got '?2'?, .* 0 to 1 or -1: dataset_info\.json names 2 of them\.\n"
    with pytest.raises(DataError, match=said):
        labels_of(read(path))


def configs(**names: list[str]) -> str:
    held = {name: {"features": {"label": {**NAMES, "names": own}}} for name, own in names.items()}
    return json.dumps(held)


def test_of_several_configurations_the_one_named_like_the_folder_counts(tmp_path: Path) -> None:
    (tmp_path / "dataset_infos.json").write_text(configs(sst=["bad", "good"], cola=["no", "yes"]))
    assert labels_of(read(write(tmp_path / "cola" / "a.csv", [0, 1]))) == ["no", "yes"]


def test_of_several_configurations_the_one_that_lists_the_file_counts(tmp_path: Path) -> None:
    features = "features:\n  - name: label\n    dtype: {class_label: {names: [%s]}}"
    infos = "".join(
        f"- config_name: {name}\n  {features % names}\n"
        for name, names in [("sst", "bad, good"), ("cola", "no, yes")]
    )
    files = "".join(
        f"- config_name: {name}\n  data_files:\n  - split: train\n    path: {path}\n"
        for name, path in [("sst", "data/sst-*"), ("cola", "[data/cola-*]")]
    )
    (tmp_path / "README.md").write_text(f"---\ndataset_info:\n{infos}configs:\n{files}---\n")
    assert labels_of(read(write(tmp_path / "data" / "cola-0.csv", [0, 1]))) == ["no", "yes"]
    assert labels_of(read(write(tmp_path / "data" / "sst-0.csv", [0, 1]))) == ["bad", "good"]


def test_configurations_that_differ_are_not_used_and_that_is_said(tmp_path: Path) -> None:
    (tmp_path / "dataset_infos.json").write_text(configs(sst=["bad", "good"], cola=["no", "yes"]))
    opened = read(write(tmp_path / "a.csv", [0, 1]))
    said = "dataset_infos.json names the classes of 'label' in several ways: none is used"
    assert (labels_of(opened), said in opened.notes) == (["0", "1"], True)


@pytest.mark.parametrize(
    ("file", "text"),
    [("dataset_info.json", "{"), ("README.md", "---\ndataset_info: {class_label: [\n---\n")],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, file: str, text: str) -> None:
    (tmp_path / file).write_text(text)
    opened = read(write(tmp_path / "a.csv", [0, 1]))
    assert any(note.startswith(f"{file} beside it is not readable") for note in opened.notes)
    assert labels_of(opened) == ["0", "1"]


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("dataset_info.json", '{"alpaca": {"file_name": "a.json"}}'),  # of LLaMA-Factory
        ("dataset_info.json", "[]"),
        ("dataset_info.json", '{"features": {"label": {"names": {"0": "a", "7": "b"}}}}'),
        ("README.md", "# A project\n"),
        ("README.md", "---\ndataset_info: class_label\n---\n"),
    ],
)
def test_files_about_something_else_change_nothing(tmp_path: Path, file: str, text: str) -> None:
    path = write(tmp_path / "a.csv", [0, 1])
    before = read(path).notes
    (tmp_path / file).write_text(text)
    opened = read(path)
    assert (labels_of(opened), opened.notes) == (["0", "1"], before)


@pytest.mark.parametrize("name", ["", "/train.csv"])
def test_a_training_learns_the_names(tmp_path: Path, name: str) -> None:
    (tmp_path / "README.md").write_text(CARD)
    write(tmp_path / "train.csv", [at % 2 for at in range(40)])
    loaded = load(DataSection(train=f"{tmp_path}{name}"), seed=0)
    assert loaded.labels == ("bad", "good")
    assert any("that README.md has for them" in line for line in loaded.description)


def test_a_card_is_no_document_of_a_folder(tmp_path: Path) -> None:
    for name, text in {"README.md": CARD, "pos/a.txt": "good", "neg/a.txt": "bad"}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    (one,) = find(str(tmp_path), encoding="auto")
    assert [record["text"] for _, record in one.records] == ["bad", "good"]
