"""A process that dies at any file operation of a save leaves a run that continues exactly."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

DRIVER = Path(__file__).with_name("crash_driver.py")
ROOT = Path(__file__).parents[3]
KILLED, REFUSED, ENDED = -9, 2, 0


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """In memory where possible: hundreds of syncs are what is tested, not the disk."""
    if not Path("/dev/shm").is_dir():
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir="/dev/shm") as name:
        yield Path(name)


def outcomes(folder: Path, fault: str) -> list[tuple[int, int, str, bool]]:
    """(operation, exit status, message, whether the continued run equals the unbroken one)."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(DRIVER), str(folder), fault],
        capture_output=True,
        text=True,
        check=False,
        timeout=580,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    return [tuple(json.loads(line)) for line in done.stdout.splitlines()]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_killed_at_any_write_rename_or_sync_a_run_continues_exactly(folder: Path) -> None:
    found = outcomes(folder, "kill")
    assert len(found) > 30, "a save has many operations; were they counted?"
    assert {status for _, status, _, _ in found} == {KILLED}
    assert [at for at, _, _, is_equal in found if not is_equal] == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_full_disk_at_any_write_is_said_and_the_run_continues_exactly(folder: Path) -> None:
    found = outcomes(folder, "full")
    assert {status for _, status, _, _ in found} <= {REFUSED, ENDED}
    messages = [message for _, status, message, _ in found if status == REFUSED]
    assert len(messages) > 15
    assert all("No space left on device" in message for message in messages)
    assert all("same command continues" in message for message in messages)
    assert [at for at, _, _, is_equal in found if not is_equal] == []
