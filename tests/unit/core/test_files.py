"""Files are wholly there or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from luthier.core import files
from luthier.core.errors import DataError


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.json"
    files.write_json(path, {"b": "ü", "a": [1]})
    assert files.read_json(path) == {"b": "ü", "a": [1]}
    assert list(files.read_json(path)) == ["b", "a"]


def test_a_failed_write_leaves_the_old_file_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.txt"
    files.write_text(path, "old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        files.write_text(path, "new")
    assert path.read_text() == "old"
    assert [item.name for item in tmp_path.iterdir()] == ["a.txt"]


def test_the_hash_of_parts_depends_on_where_they_end() -> None:
    assert files.sha256_of([b"ab", b"c"]) != files.sha256_of([b"a", b"bc"])


def test_the_hash_of_a_file_is_that_of_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a"
    files.write_bytes(path, b"abc")
    assert files.sha256(path).startswith("ba7816bf8f01cfea")


def test_a_new_folder_on_a_full_disk_is_not_there_and_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with (
        pytest.raises(DataError, match=r"made: nothing is written, as the disk is full \(no space"),
        files.new_folder(tmp_path / "made") as folder,
    ):
        files.write_text(folder / "a.txt", "new")
    assert list(tmp_path.iterdir()) == []
