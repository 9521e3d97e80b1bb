"""`luthier chat` as somebody at a terminal has it, and as a script has it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.journeys.desk import QUICK, Desk, desk
from tests.journeys.terminal import CTRL_C, CTRL_D, Terminal


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return desk(tmp_path_factory.mktemp("Bücher und Töne"))


@pytest.fixture(scope="module")
def run(place: Desk) -> Path:
    out = place.root / "mein Lauf"
    words = ["train", place.data, "--model", place.model, "--out", out, *QUICK]
    code, _, said = place.luthier(*words, "training.max_steps=2")
    assert code in (0, 1), said
    return out


def piped(place: Desk, run: Path, content: bytes) -> subprocess.CompletedProcess[bytes]:
    """`luthier chat RUN --json` with `content` as standard input."""
    return subprocess.run(
        [sys.executable, "-m", "luthier", "chat", str(run), "--json"],
        cwd=place.root,
        env=place.environment,
        input=content,
        capture_output=True,
    )


def test_a_talk_with_every_key_a_new_user_tries(place: Desk, run: Path) -> None:
    with Terminal(place, "chat", run) as talk:
        talk.wait_for("Ctrl-D: leave")
        for text in ("hello", "and you?", "/forget"):
            talk.wait_for("> ")
            talk.type(text)
        talk.wait_for("> ")
        talk.type("/help")
        talk.wait_for("/forget: start again")
        talk.type("/what")
        talk.wait_for("/what: no such command")
        talk.wait_for("> ")
        talk.type(CTRL_D)
        assert talk.exit_code() == 0
    assert "Traceback" not in talk.seen


def test_a_talk_that_fills_the_context_can_be_begun_again(place: Desk, run: Path) -> None:
    with Terminal(place, "chat", run) as talk:
        talk.wait_for("> ")
        talk.type("word " * 500)
        talk.wait_for("the model reads at most 256")
        talk.wait_for("> ")
        talk.type("hello")
        talk.wait_for("> ")
        talk.type("/quit")
        assert talk.exit_code() == 0


def test_ctrl_c_at_the_prompt_ends_the_talk_with_one_sentence(place: Desk, run: Path) -> None:
    with Terminal(place, "chat", run) as talk:
        talk.wait_for("> ")
        talk.type(CTRL_C)
        assert talk.exit_code() == 3
    assert talk.seen.count("Stopped. The same command starts again.") == 1
    assert "Traceback" not in talk.seen


def test_every_line_of_a_pipe_is_a_message_whatever_its_bytes(place: Desk, run: Path) -> None:
    done = piped(place, run, "grüß dich\n\n/forget\n".encode() + b"bad \xff byte")
    assert done.returncode == 0, done.stderr.decode()
    turns = json.loads(done.stdout)["turns"]
    assert [turn["user"] for turn in turns] == ["grüß dich", "bad � byte"]


def test_a_message_that_does_not_fit_ends_a_pipe_with_one_sentence(place: Desk, run: Path) -> None:
    done = piped(place, run, b"word " * 500)
    assert done.returncode == 2
    assert "the model reads at most 256" in json.loads(done.stdout)["error"]["message"]


def test_no_input_is_no_talk(place: Desk, run: Path) -> None:
    done = piped(place, run, b"")
    assert (done.returncode, json.loads(done.stdout)["turns"]) == (0, [])
