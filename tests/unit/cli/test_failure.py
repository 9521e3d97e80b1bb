"""Errors become one message and an exit code; ours go to a file."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from luthier.cli.failure import explain
from luthier.core.errors import Diverged, Interrupted, ParityError, RecipeError


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LUTHIER_CACHE", str(tmp_path))
    monkeypatch.delenv("LUTHIER_DEBUG", raising=False)
    return tmp_path


@pytest.mark.parametrize(
    ("error", "code"),
    [(RecipeError("a\nb"), 2), (ParityError("a"), 1), (Diverged("a"), 1), (Interrupted("a"), 3)],
)
def test_errors_on_purpose_say_their_own_words(error: Exception, code: int) -> None:
    assert explain(error) == (str(error), code)


def test_an_interruption_is_3() -> None:
    assert explain(KeyboardInterrupt())[1] == 3


def test_a_full_disk_is_not_our_fault() -> None:
    error = OSError(errno.ENOSPC, "No space left on device", "runs/a/x")
    assert explain(error) == ("runs/a/x: no space left on device", 2)


def test_our_fault_is_one_message_and_the_trace_is_in_a_file(
    cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        raise ZeroDivisionError("division by zero\nsecond line")
    except ZeroDivisionError as error:
        message, code = explain(error)
    assert code == 4
    (file,) = (cache / "crash").iterdir()
    assert str(file) in message
    assert "ZeroDivisionError: division by zero" in message
    assert "Traceback" not in message
    assert "Traceback" in file.read_text()
    assert capsys.readouterr().err == ""


def test_debugging_shows_the_trace(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LUTHIER_DEBUG", "1")
    explain(ZeroDivisionError("x"))
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_a_trace_that_cannot_be_written_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "file"
    file.write_text("")
    monkeypatch.setenv("LUTHIER_CACHE", str(file))
    message, code = explain(ZeroDivisionError("x"))
    assert code == 4
    assert "LUTHIER_DEBUG=1 shows them" in message
