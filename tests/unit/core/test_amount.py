"""Long work in bytes is told of; short work is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from luthier.core import amount
from luthier.core.amount import Amount, open_told, told_to
from luthier.core.files import sha256

Heard = list[tuple[str, int, int, str]]


class Clock:
    """Tells the time that it is set to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def heard() -> Heard:
    return []


def told(heard: Heard, *steps: tuple[float, int], total: int = 100) -> Heard:
    """What is heard of work that is so far at such times."""
    clock = Clock()
    with told_to(lambda *said: heard.append(said)):
        work = Amount("copying", total, clock=clock)
    for clock.now, done in steps:
        work.reach(done)
    return heard


def test_work_of_less_than_a_second_is_silent(heard: Heard) -> None:
    assert told(heard, (0.1, 10), (0.9, 100)) == []


def test_longer_work_is_told_of_a_few_times_a_second_and_at_its_end(heard: Heard) -> None:
    found = told(heard, (0.5, 1), (1.0, 10), (1.1, 20), (1.3, 30), (1.31, 100))
    assert found == [("copying", done, 100, "bytes") for done in (10, 30, 100)]


def test_of_an_amount_that_nobody_knows_the_bytes_are_told(heard: Heard) -> None:
    found = told(heard, (2, 10), (4, 20), total=0)
    assert found == [("copying", done, 0, "bytes") for done in (10, 20)]


def test_where_nobody_listens_nothing_happens() -> None:
    clock = Clock()
    work = Amount("copying", 10, clock=clock)
    clock.now = 5
    work.add(5)
    assert work.done == 5


def test_hashing_says_how_far_it_is(
    heard: Heard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(amount, "SILENT_SECONDS", 0.0)
    monkeypatch.setattr(amount, "EVERY_SECONDS", 0.0)
    path = tmp_path / "rows.bin"
    path.write_bytes(bytes(3 * amount.BUFFER_BYTES))
    with told_to(lambda *said: heard.append(said)):
        sha256(path)
    size = path.stat().st_size
    assert heard[0] == ("hashing rows.bin", size // 3, size, "bytes")
    assert heard[-1] == ("hashing rows.bin", size, size, "bytes")


def test_a_file_that_is_told_of_can_be_read_anywhere(tmp_path: Path) -> None:
    path = tmp_path / "rows.bin"
    path.write_bytes(b"0123456789")
    with open_told(path, "reading") as file:
        assert file.seek(-3, 2) == 7
        assert file.read() == b"789"
        assert file.seek(2) == file.tell() == 2
        assert file.read(2) == b"23"
