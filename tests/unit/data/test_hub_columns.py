"""Columns as Hugging Face's `datasets` writes them: numbers of classes, and pictures as bytes."""

import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from luthier.core.errors import DataError
from luthier.data.find import find_one
from luthier.data.load import load
from luthier.data.opened import Opened
from luthier.data.rows import Labeled
from luthier.recipe.schema import DataSection

NAMES = {"names": ["bad", "good"], "_type": "ClassLabel"}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LUTHIER_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def written(path: Path, columns: dict[str, Any], features: Any) -> Path:
    table = pa.table(columns)
    told = json.dumps({"info": {"features": features}})
    table = table.replace_schema_metadata({"huggingface": told})
    if path.suffix == ".parquet":
        pq.write_table(table, path)
    else:
        new = pa.ipc.new_file if path.suffix == ".feather" else pa.ipc.new_stream
        with new(str(path), table.schema) as out:
            out.write_table(table)
    return path


def opened(path: Path) -> Opened:
    return find_one(str(path), encoding="auto")


@pytest.mark.parametrize("name", ["a.parquet", "a.arrow", "a.feather"])
def test_numbers_of_classes_are_read_as_their_names(tmp_path: Path, name: str) -> None:
    columns = {"text": ["a", "b", "c"], "label": [1, 0, -1], "n": [1, 0, 1]}
    found = opened(written(tmp_path / name, columns, {"label": NAMES, "n": {"dtype": "int64"}}))
    assert "numbers of 'label' are read as the names that the file has" in found.notes[0]
    assert "(bad, good)" in found.notes[0]
    records = [record for _, record in found.records]
    assert [record["label"] for record in records] == ["good", "bad", None]
    assert [record["n"] for record in records] == [1, 0, 1]


@pytest.mark.parametrize(
    "feature",
    [
        {"feature": NAMES, "_type": "Sequence"},
        {"feature": NAMES, "_type": "List"},
        [NAMES],
        {"feature": {"feature": NAMES, "_type": "List"}, "_type": "List"},
    ],
)
def test_numbers_in_lists_are_read_as_names_too(tmp_path: Path, feature: Any) -> None:
    (_, record), *_ = opened(
        written(tmp_path / "a.parquet", {"tags": [[0, 1, 1]]}, {"tags": feature})
    ).records
    assert record["tags"] == ["bad", "good", "good"]


@pytest.mark.parametrize("told", [b"{", b"[]", b'{"info": {"features": []}}', b"{}"])
def test_a_schema_that_says_something_else_changes_nothing(tmp_path: Path, told: bytes) -> None:
    table = pa.table({"label": [1, 0]}).replace_schema_metadata({b"huggingface": told})
    pq.write_table(table, tmp_path / "a.parquet")
    found = opened(tmp_path / "a.parquet")
    assert found.notes == ("Parquet; line numbers are row numbers",)
    assert [record["label"] for _, record in found.records] == [1, 0]


def picture(colour: int) -> bytes:
    image = pytest.importorskip("PIL.Image")
    held = io.BytesIO()
    image.new("RGB", (4, 4), (colour, 0, 0)).save(held, "PNG")
    return held.getvalue()


@pytest.mark.parametrize("with_path", [True, False])
def test_pictures_in_a_table_are_rows_with_pictures(
    tmp_path: Path, cache: Path, with_path: bool
) -> None:
    data = [picture(at) for at in range(20)] + [picture(0)]
    held = [{"bytes": one, "path": None} for one in data] if with_path else data
    columns = {"image": held, "label": [at % 2 for at in range(21)]}
    path = written(tmp_path / "a.parquet", columns, {"label": NAMES})
    loaded = load(DataSection(train=str(path)), seed=0)
    rows = [*loaded.splits.train, *loaded.splits.validation, *loaded.splits.test]
    assert loaded.labels == ("bad", "good")
    assert all(isinstance(row, Labeled) for row in rows)
    shown = {Path(row.shown()).read_bytes() for row in rows}
    assert shown == set(data)
    assert len(list(cache.rglob("*.png"))) == 20


def test_other_bytes_are_refused_by_their_row(tmp_path: Path) -> None:
    path = written(tmp_path / "a.parquet", {"text": [b"\xff\xfe\x00"]}, {})
    with pytest.raises(DataError, match=r"a\.parquet line 1: got 3 bytes that are no text"):
        list(opened(path).records)


def test_pictures_that_cannot_be_kept_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("no folder")
    path = written(tmp_path / "a.parquet", {"image": [b"\x89PNG\r\n"], "label": [0]}, {})
    found = opened(path)
    monkeypatch.setenv("LUTHIER_CACHE", str(tmp_path / "file"))
    with pytest.raises(DataError, match=r"line 1: its picture cannot be kept .*\n.*LUTHIER_CACHE"):
        list(found.records)


def test_a_picture_that_a_crash_left_without_its_bytes_is_written_again(
    tmp_path: Path, cache: Path
) -> None:
    picture = b"\x89PNG\r\n" + bytes(range(200))
    path = written(tmp_path / "a.parquet", {"image": [picture], "label": [0]}, {})
    for _ in range(2):
        list(opened(path).records)
        (kept,) = cache.rglob("*.png")
        assert kept.read_bytes() == picture
        kept.write_bytes(bytes(len(picture)))
