"""One Ctrl-C unwinds, the next does not disturb, and none is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from luthier.cli.failure import explain
from luthier.cli.interruption import is_interrupt, one_interrupt
from luthier.core.errors import Interrupted, ModelError


def press(number: int = signal.SIGINT) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_raises(number: signal.Signals) -> None:
    with pytest.raises(KeyboardInterrupt), one_interrupt():
        press(number)


def test_a_second_signal_does_not_break_the_leaving() -> None:
    tidied: list[str] = []

    def interrupted_twice() -> None:
        try:
            press()
        finally:
            press()
            tidied.append("all of it")

    with pytest.raises(KeyboardInterrupt), one_interrupt():
        interrupted_twice()
    assert tidied == ["all of it"]


def test_a_signal_long_after_the_first_ends_the_process() -> None:
    program = (
        "import os, signal, time\n"
        "from luthier.cli import interruption\n"
        "interruption.PATIENCE_SECONDS = 0.0\n"
        "with interruption.one_interrupt():\n"
        "    try:\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
        "    finally:\n"
        "        time.sleep(0.01)\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
        "        time.sleep(60)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (3, "Stopped. The same command starts again.\n")


def test_an_interrupt_that_a_finaliser_swallowed_is_raised_anew() -> None:
    class Swallows:
        def __del__(self) -> None:
            press()

    def wait() -> None:
        del_me = Swallows()
        del del_me
        end = time.monotonic() + 30
        while time.monotonic() < end:
            time.sleep(0.01)

    with pytest.raises(KeyboardInterrupt), one_interrupt():
        wait()


def test_signals_are_handled_as_before_afterwards() -> None:
    before = [signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM), sys.unraisablehook]
    with one_interrupt():
        pass
    after = [signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM), sys.unraisablehook]
    assert after == before


def test_a_thread_changes_no_handling() -> None:
    seen: list[object] = []

    def work() -> None:
        with one_interrupt():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [signal.getsignal(signal.SIGINT)]


def test_an_interrupt_inside_another_error_is_an_interrupt() -> None:
    error = ModelError("initialization failed")
    error.__cause__ = KeyboardInterrupt()
    assert is_interrupt(error)
    assert explain(error) == ("Stopped. The same command starts again.", 3)


def test_an_error_without_one_is_none() -> None:
    assert not is_interrupt(ModelError("damaged"))


def test_a_run_that_was_stopped_says_its_own_words() -> None:
    error = Interrupted("Stopped after step 3.")
    error.__context__ = KeyboardInterrupt()
    assert explain(error) == ("Stopped after step 3.", 3)


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="needs Linux's /proc")
def test_ctrl_c_while_torch_is_imported_is_one_sentence(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "luthier", "doctor"],
        cwd=tmp_path,
        env={**os.environ, "LUTHIER_CACHE": str(tmp_path)},
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    maps = Path(f"/proc/{process.pid}/maps")
    end = time.monotonic() + 60
    while "libtorch" not in maps.read_text() and time.monotonic() < end:
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (3, "Stopped. The same command starts again.\n")
