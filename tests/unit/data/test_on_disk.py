"""Rows wait on disk, and are what they were, also for processes that are forked meanwhile."""

import multiprocessing
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from luthier.core.errors import DataError
from luthier.data import on_disk
from luthier.data.on_disk import Chosen, OnDisk
from luthier.data.rows import Chat, Message, Origin, Row, Text

ROWS: list[Row] = [
    Chat(
        origin=Origin("f", at),
        messages=(
            Message("user", f"q{at}"),
            Message("assistant", "a" * at, tool_calls=({"a": at},)),
        ),
    )
    for at in range(40)
]


@pytest.fixture(params=[0, 300, 1 << 20], ids=lambda size: f"{size} bytes in memory")
def rows(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> OnDisk[Row]:
    monkeypatch.setattr(on_disk, "IN_MEMORY_BYTES", request.param)
    return OnDisk(ROWS)


def test_what_was_put_in_comes_out_in_any_order(rows: OnDisk[Row]) -> None:
    assert list(rows) == ROWS
    assert [rows[at] for at in (39, 0, -1, 20)] == [ROWS[at] for at in (39, 0, -1, 20)]
    assert rows == ROWS
    assert rows != ROWS[:-1]
    assert list(rows[5:30:7]) == ROWS[5:30:7]
    with pytest.raises(IndexError):
        rows[40]


def test_more_can_be_put_in_after_reading(rows: OnDisk[Row]) -> None:
    assert rows[3] == ROWS[3]
    rows.append(ROWS[0])
    assert (rows[3], rows[-1], len(rows)) == (ROWS[3], ROWS[0], 41)


def test_what_is_chosen_of_the_chosen_is_counted_from_the_start(rows: OnDisk[Row]) -> None:
    chosen = Chosen(Chosen(rows, range(10, 30)), range(1, 20, 4))
    assert list(chosen) == ROWS[11:30:4]
    assert chosen[1:3] == ROWS[15:23:4]


def test_forked_processes_read_at_the_same_time(rows: OnDisk[Row]) -> None:
    def read() -> None:
        sys.exit(not all(list(rows) == ROWS for _ in range(50)))

    children = [multiprocessing.get_context("fork").Process(target=read) for _ in range(2)]
    for child in children:
        child.start()
    for child in children:
        child.join()
    assert [child.exitcode for child in children] == [0, 0]


def test_nothing_is_left_in_the_folder(
    rows: OnDisk[Row], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LUTHIER_CACHE", str(tmp_path))
    assert OnDisk(rows) == rows
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_said_with_a_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(on_disk, "IN_MEMORY_BYTES", 0)
    monkeypatch.setenv("LUTHIER_CACHE", str(tmp_path / "file"))
    (tmp_path / "file").write_text("in the way")
    found = OnDisk[Row]([ROWS[0]])
    with pytest.raises(DataError, match=r"rows cannot be kept there.*\n.*LUTHIER_CACHE"):
        found.append(ROWS[1])


def test_a_row_takes_eight_bytes_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_disk, "IN_MEMORY_BYTES", 1 << 16)
    tracemalloc.start()
    OnDisk(Text(origin=Origin("f", at), text="x" * 20_000) for at in range(1_000))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 500_000  # of 20 MB


def test_what_rows_at_hand_hold_becomes_plain() -> None:
    record = {"text": np.str_("a"), "n": [np.float64(0.5), True, None], "deep": ({"x": ()},)}
    (found,) = OnDisk([record])
    assert found == record
    assert type(found["text"]) is str
    assert type(found["n"][0]) is float
