"""Export folders appear whole, and are trusted only as long as their manifest fits."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from luthier.core.errors import RunError
from luthier.core.files import sha256
from luthier.export import exporters
from luthier.export._manifest import verify, write
from luthier.export._staging import check, staged

DEAD = 2**22 + 1
"""No process has this number: it is above Linux's limit."""


def an_export(folder: Path) -> Path:
    with staged(folder) as stage:
        (stage / "weights").write_text("w")
        write(stage, {"files": {"weights": {"sha256": sha256(stage / "weights"), "bytes": 1}}})
    return folder


def test_only_formats_are_registered() -> None:
    assert exporters.names() == ["adapter", "bottleneck", "changed", "safetensors"]


def test_the_folder_appears_only_at_the_end(tmp_path: Path) -> None:
    with staged(tmp_path / "out") as stage:
        (stage / "weights").write_text("w")
        assert not (tmp_path / "out").exists()
    assert (tmp_path / "out" / "weights").read_text() == "w"


def test_an_error_leaves_the_earlier_export_and_nothing_else(tmp_path: Path) -> None:
    an_export(tmp_path / "out")
    with pytest.raises(ZeroDivisionError), staged(tmp_path / "out") as stage:
        (stage / "weights").write_text(str(1 / 0))
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert (tmp_path / "out" / "weights").read_text() == "w"


def test_a_place_is_checked_before_anything_is_computed(tmp_path: Path) -> None:
    check(an_export(tmp_path / "out"))
    check(tmp_path / "new" / "place")
    assert not (tmp_path / "new" / "place").exists()
    (tmp_path / "file").write_text("mine")
    with pytest.raises(RunError, match=r"file/out: cannot be written .*another folder with --out"):
        check(tmp_path / "file" / "out")
    with pytest.raises(RunError, match="is not an export"):
        check(tmp_path / "file")


def test_an_earlier_export_is_replaced(tmp_path: Path) -> None:
    an_export(tmp_path / "out")
    with staged(tmp_path / "out") as stage:
        (stage / "new").write_text("n")
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["new"]


def test_an_export_that_was_being_replaced_when_the_process_died_comes_back(tmp_path: Path) -> None:
    an_export(tmp_path / "out").rename(tmp_path / f".out.{DEAD}.old")
    (tmp_path / f".out.{DEAD}.tmp").mkdir()
    with pytest.raises(ZeroDivisionError), staged(tmp_path / "out") as stage:
        (stage / "weights").write_text(str(1 / 0))
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert (tmp_path / "out" / "weights").read_text() == "w"


def test_what_a_living_process_is_writing_is_left_alone(tmp_path: Path) -> None:
    other = tmp_path / f".out.{os.getppid()}.tmp"
    other.mkdir()
    an_export(tmp_path / "out")
    assert other.is_dir()


def test_a_folder_of_something_else_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years")
    with pytest.raises(RunError, match="is not an export"), staged(tmp_path / "mine"):
        pass
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years"


def test_a_changed_file_is_named(tmp_path: Path) -> None:
    folder = an_export(tmp_path / "out")
    (folder / "weights").write_text("x")
    with pytest.raises(RunError, match=r"weights: changed since it was written"):
        verify(folder)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    folder = an_export(tmp_path / "out")
    (folder / "weights").unlink()
    with pytest.raises(RunError, match=r"weights: missing"):
        verify(folder)


def test_a_folder_without_a_manifest_is_no_export(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"manifest\.json is missing"):
        verify(tmp_path)
