"""Errors become one message and an exit code; ours go to a file."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from luthier.cli.failure import document, explain, show
from luthier.core.errors import Diverged, Interrupted, MaskError, ParityError, RecipeError


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


def test_a_name_too_long_for_the_disk_is_not_our_fault() -> None:
    error = OSError(errno.ENAMETOOLONG, "File name too long", "x" * 300)
    assert explain(error) == (f"{'x' * 300}: file name too long", 2)


BROKEN = MaskError(
    "a.jsonl line 1: no", [{"text": "ask", "trained": False}, {"text": "answer", "trained": True}]
)


def test_a_broken_mask_is_shown_in_colour_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    show(BROKEN, str(BROKEN))
    said = capsys.readouterr().err
    assert said.startswith("a.jsonl line 1: no\n")
    assert "\x1b[30;42manswer" in said
    assert "[[" not in said


def test_a_broken_mask_is_marked_where_there_are_no_colours(
    capsys: pytest.CaptureFixture[str],
) -> None:
    show(BROKEN, explain(BROKEN)[0])
    assert capsys.readouterr().err == "a.jsonl line 1: no\n    ask[[answer]]\n"


def test_a_broken_mask_is_data_in_json() -> None:
    message, code = explain(BROKEN)
    found = document(BROKEN, message, code)["error"]
    assert found["pieces"][1] == {"text": "answer", "trained": True}
    assert document(RecipeError("x"), "x", 2) == {"error": {"message": "x", "exit_code": 2}}


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
