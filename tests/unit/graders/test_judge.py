"""A judge is asked over HTTP; what it says becomes a score, and silence a clear message."""

from __future__ import annotations

import json
from collections.abc import Generator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from luthier.core.errors import RecipeError
from luthier.core.server import Server
from luthier.data.rows import Message
from luthier.graders import Answer, build_grader


class _Judge(BaseHTTPRequestHandler):
    """Marks a completion with the number of its letters."""

    def do_GET(self) -> None:
        self._say({"data": []})

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        text = asked["messages"][0]["content"]
        said = text.partition("to be marked:\n")[2].partition("\n")[0]
        reply = f"{len(said)}/10" if said != "odd" else "I cannot tell"
        if self.server.busy:  # type: ignore[attr-defined]
            self.send_response(self.server.busy.pop())  # type: ignore[attr-defined]
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.server.asked.append(text)  # type: ignore[attr-defined]
        self._say({"choices": [{"message": {"content": reply}}]})

    def log_message(self, format: str, *args: Any) -> None:
        """Silent."""

    def _say(self, document: Any) -> None:
        body = json.dumps(document).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Generator[Any]:
    monkeypatch.setattr("luthier.core.server.PAUSES", (0.0, 0.0, 0.0))
    server: Any = ThreadingHTTPServer(("127.0.0.1", 0), _Judge)
    server.busy, server.asked = [], []
    Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def url(server: Any) -> str:
    return f"http://127.0.0.1:{server.server_port}/v1"


def answers(*said: str) -> list[Answer]:
    return [Answer(messages=(Message("user", "Why?"),), completion=text) for text in said]


def test_marks_become_scores_and_a_reply_without_one_a_problem(url: str) -> None:
    judge = build_grader({"name": "judge", "model": "m", "url": url})
    assert judge.check(answers("")) == []
    found = judge.grade(answers("four", "odd", "sixsix"))
    assert [item.value for item in found] == [0.4, 0.0, 0.6]
    assert "I cannot tell" in found[1].problem


def test_a_server_that_is_busy_is_asked_again(url: str, server: Any) -> None:
    judge = build_grader({"name": "judge", "model": "m", "url": url})
    server.busy[:] = [503, 429, 500]
    assert [item.value for item in judge.grade(answers("four"))] == [0.4]
    server.busy[:] = [429] * 4
    with pytest.raises(RecipeError, match="429"):
        judge.grade(answers("four"))
    server.busy[:] = [401] * 2
    with pytest.raises(RecipeError, match="401"):
        judge.grade(answers("four"))
    assert len(server.busy) == 1


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("7", 0.7),
        ("Out of 10 I give 7", 0.7),
        ("I give it 7 out of 10.", 0.7),
        ("**3.5/5**", 0.7),
        ("Not 4/10, rather 7 / 10", 0.7),
        ("-3", None),
        ("11", None),
        ("good", None),
    ],
)
def test_a_mark_is_read_as_it_is_meant(
    reply: str, expected: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge = build_grader({"name": "judge", "model": "m"})
    said = {"choices": [{"message": {"content": reply}}]}
    monkeypatch.setattr(Server, "complete", lambda *_: said)
    (found,) = judge.grade(answers("x"))
    assert bool(found.problem) == (expected is None)
    assert found.value == pytest.approx(expected or 0.0)


def test_the_judge_sees_the_whole_conversation(url: str, server: Any) -> None:
    judge = build_grader({"name": "judge", "model": "m", "url": url})
    turns = (
        Message("system", "Be brief."),
        Message("user", "Hello"),
        Message("assistant", "Hi"),
        Message("user", "Why?"),
    )
    judge.grade([Answer(messages=turns, completion="so")])
    expected = "system: Be brief.\n\nuser: Hello\n\nassistant: Hi\n\nuser: Why?"
    assert expected in server.asked[0]


def test_a_server_that_is_not_there_is_named() -> None:
    judge = build_grader({"name": "judge", "model": "m", "url": "http://127.0.0.1:9/v1"})
    with pytest.raises(RecipeError, match=r"grader judge, http://127.0.0.1:9/v1: .*refused"):
        judge.check(answers(""))


def test_it_is_this_machine_unless_another_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    here = build_grader({"name": "judge", "model": "m"})
    assert here.config.url.startswith("http://127.0.0.1")
    away = build_grader({"name": "judge", "model": "m", "url": "https://judge.example/v1"})
    monkeypatch.setattr(Server, "probe", lambda _: None)
    assert "are sent to judge.example" in away.check(answers(""))[0]


def test_a_key_that_is_not_set_is_missed_at_once() -> None:
    judge = build_grader({"name": "judge", "model": "m", "key_env": "NO_SUCH_KEY"})
    with pytest.raises(RecipeError, match="the environment has no NO_SUCH_KEY"):
        judge.check(answers(""))
