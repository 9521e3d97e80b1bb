"""Packed files are read as what is inside, and refused with one message where that fails."""

import bz2
import gzip
import io
import json
import lzma
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from luthier.core.errors import DataError
from luthier.data.find import find_one
from luthier.data.packings import _unpacked, packings

ROWS = [{"text": f"row {number} " + "ä" * (number % 7), "label": "x"} for number in range(3000)]
LINES = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS).encode()


def zstd(data: bytes) -> bytes:
    return bytes(pa.compress(data, codec="zstd", asbytes=True))


PACKED: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gz", lambda data: gzip.compress(data, mtime=0)),
    "bzip2": ("bz2", bz2.compress),
    "xz": ("xz", lzma.compress),
    "zstandard": ("zst", zstd),
}


def test_every_packing_is_tested() -> None:
    assert sorted(PACKED) == packings.names()


@pytest.mark.parametrize("name", sorted(PACKED))
def test_packed_rows_are_those_inside(tmp_path: Path, name: str) -> None:
    suffix, pack = PACKED[name]
    path = tmp_path / f"rows.jsonl.{suffix}"
    path.write_bytes(pack(LINES))
    opened = find_one(str(path), encoding="auto")
    assert [record for _, record in opened.records] == ROWS
    assert opened.kind == "jsonl"
    assert "unpacked from" in " ".join(opened.notes)


@pytest.mark.parametrize("name", sorted(PACKED))
def test_the_kind_is_that_of_what_is_inside_whatever_the_file_is_called(
    tmp_path: Path, name: str
) -> None:
    path = tmp_path / "rows"
    path.write_bytes(PACKED[name][1](b"text,label\na,x\nb,y\n"))
    assert [r["label"] for _, r in find_one(str(path), encoding="auto").records] == ["x", "y"]


@pytest.mark.parametrize("name", sorted(PACKED))
@pytest.mark.parametrize("kept", [0.3, 0.98])
def test_a_packed_file_that_is_cut_off_is_refused(tmp_path: Path, name: str, kept: float) -> None:
    data = PACKED[name][1](LINES)
    path = tmp_path / "rows.jsonl"
    path.write_bytes(data[: int(kept * len(data))])
    with pytest.raises(DataError, match=r"rows\.jsonl: an? .* file that is damaged or cut off"):
        list(find_one(str(path), encoding="auto").records)


def test_parts_of_gzip_one_after_the_other_are_one_file(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl.gz"
    path.write_bytes(gzip.compress(LINES) + gzip.compress(LINES))
    assert len(list(find_one(str(path), encoding="auto").records)) == 2 * len(ROWS)


def test_parquet_inside_is_read(tmp_path: Path) -> None:
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(ROWS), out)
    path = tmp_path / "rows.parquet.gz"
    path.write_bytes(gzip.compress(out.getvalue()))
    assert [record for _, record in find_one(str(path), encoding="auto").records] == ROWS


def test_what_unpacks_to_far_more_than_data_does_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_unpacked, "FREE_BYTES", 1 << 20)
    path = tmp_path / "bomb.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"text": "' + b"a" * (8 << 20) + b'"}\n'))
    with pytest.raises(DataError, match=r"bomb\.jsonl\.gz: a gzip file that unpacks to more than"):
        list(find_one(str(path), encoding="auto").records)


def test_a_file_packed_again_and_again_is_refused(tmp_path: Path) -> None:
    data = LINES
    for _ in range(4):
        data = gzip.compress(data)
    (tmp_path / "a.gz").write_bytes(data)
    with pytest.raises(DataError, match="packed more than 3 times"):
        find_one(str(tmp_path / "a.gz"), encoding="auto")


def test_an_empty_file_inside_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(b""))
    with pytest.raises(DataError, match="empty inside"):
        find_one(str(tmp_path / "a.jsonl.gz"), encoding="auto")
