"""Arrays on the shelf: equal, not in the memory of the process, refused where a disk is full."""

from __future__ import annotations

import errno
import resource
import signal
from pathlib import Path

import numpy as np
import pytest

from luthier.models import shelf
from luthier.models.shelf import Shelf

STATUS = Path("/proc/self/status")


def own_bytes() -> int:
    """Memory that no file stands for."""
    lines = STATUS.read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("RssAnon"))


def test_arrays_come_back_as_they_were_given(tmp_path: Path) -> None:
    draws, kept = np.random.default_rng(0), Shelf(tmp_path / "new")
    given = [draws.integers(0, 256, (3, size, 7), np.uint8) for size in (1, 2, 300, 64, 90_000)]
    found = [kept.keep(array) for array in given]
    assert all(np.array_equal(one, other) for one, other in zip(given, found, strict=True))
    assert list((tmp_path / "new").iterdir()) == []
    with pytest.raises(ValueError, match="read-only"):
        found[0][:] = 0


@pytest.mark.skipif(not STATUS.exists(), reason="needs /proc")
def test_they_are_not_in_memory_of_the_process(tmp_path: Path) -> None:
    kept, one = Shelf(tmp_path), np.full((4 << 20,), 7, np.uint8)
    before = own_bytes()
    found = [kept.keep(one) for _ in range(24)]
    assert own_bytes() - before < 16 << 20 < sum(array.nbytes for array in found)


def test_a_disk_without_room_is_named_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shelf, "FIRST", 1 << 16)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    heard = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 15, limits[1]))
    try:
        with pytest.raises(OSError, match=str(tmp_path)) as caught:
            Shelf(tmp_path).keep(np.zeros(1 << 16, np.uint8))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, heard)
    assert caught.value.errno == errno.EFBIG
