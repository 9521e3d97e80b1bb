"""One living writer per run directory."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from luthier.core.errors import RunError
from luthier.run.lock import SILENCE_SECONDS, Lock, holder, this_process

HOLD = """
import sys, time
from pathlib import Path
from luthier.run.lock import Lock
lock = Lock(Path(sys.argv[1])); lock.acquire(); print("held", flush=True); time.sleep(60)
"""
FORK = """
import os, sys, time
from pathlib import Path
from luthier.run.lock import Lock
lock = Lock(Path(sys.argv[1])); lock.acquire()
if os.fork() == 0:
    print("held", flush=True)
time.sleep(60)
"""


def _other_process(path: Path, program: str = HOLD) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", program, str(path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def _end(process: subprocess.Popen[str]) -> None:
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


def test_a_second_process_is_refused_with_the_pid_of_the_first(tmp_path: Path) -> None:
    other = _other_process(tmp_path / "run.lock")
    try:
        with pytest.raises(RunError, match=f"locked by process {other.pid} .*still writing.*--out"):
            Lock(tmp_path / "run.lock").acquire()
        owner = holder(tmp_path / "run.lock")
        assert owner is not None
        assert owner.pid == other.pid
    finally:
        _end(other)


def test_a_second_writer_in_the_same_process_is_refused(tmp_path: Path) -> None:
    first = Lock(tmp_path / "run.lock")
    first.acquire()
    with pytest.raises(RunError, match=f"process {os.getpid()}"):
        Lock(tmp_path / "run.lock").acquire()
    first.release()


def test_the_lock_of_a_killed_process_is_taken_over_and_said(tmp_path: Path) -> None:
    other = _other_process(tmp_path / "run.lock")
    _end(other)
    assert holder(tmp_path / "run.lock") is None
    lock = Lock(tmp_path / "run.lock")
    assert f"process {other.pid}" in lock.acquire()
    assert json.loads((tmp_path / "run.lock").read_text())["pid"] == os.getpid()
    lock.release()


def test_a_forked_child_does_not_keep_the_lock_of_its_dead_parent(tmp_path: Path) -> None:
    other = _other_process(tmp_path / "run.lock", FORK)
    os.kill(other.pid, signal.SIGKILL)  # the parent only
    other.wait()
    lock = Lock(tmp_path / "run.lock")
    assert lock.acquire() != ""
    lock.release()
    _end(other)


def test_releasing_removes_the_file_and_lets_the_next_one_in(tmp_path: Path) -> None:
    lock = Lock(tmp_path / "run.lock")
    assert lock.acquire() == ""
    lock.release()
    assert not (tmp_path / "run.lock").exists()
    assert lock.acquire() == ""
    lock.release()
    lock.release()


def _foreign(path: Path, *, silent_seconds: float) -> None:
    owner = replace(this_process(), host="elsewhere", boot="another start", pid=77)
    path.write_text(json.dumps(asdict(owner)))
    then = time.time() - silent_seconds
    os.utime(path, (then, then))


def test_a_lock_of_another_machine_is_respected_while_it_is_fresh(tmp_path: Path) -> None:
    _foreign(tmp_path / "run.lock", silent_seconds=5)
    with pytest.raises(RunError, match=r"process 77 on elsewhere.*delete .*run\.lock"):
        Lock(tmp_path / "run.lock").acquire()
    owner = holder(tmp_path / "run.lock")
    assert owner is not None
    assert owner.host == "elsewhere"


def test_a_lock_of_another_machine_is_taken_over_after_long_silence(tmp_path: Path) -> None:
    _foreign(tmp_path / "run.lock", silent_seconds=SILENCE_SECONDS + 1)
    lock = Lock(tmp_path / "run.lock")
    assert "elsewhere" in lock.acquire()
    lock.release()


def test_a_lock_file_with_rubbish_in_it_does_not_stop_a_run(tmp_path: Path) -> None:
    (tmp_path / "run.lock").write_text("{half a li")
    lock = Lock(tmp_path / "run.lock")
    assert lock.acquire() == ""
    lock.release()


def test_nobody_holds_a_lock_that_is_not_there(tmp_path: Path) -> None:
    assert holder(tmp_path / "run.lock") is None
