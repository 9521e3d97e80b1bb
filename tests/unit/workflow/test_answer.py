"""Answers of another model, here or over HTTP, as rows to learn from."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
from tests import tiny

from luthier.core.errors import RecipeError
from luthier.workflow.answer import Teacher, answer_file

ROWS = [
    {"messages": [{"role": "user", "content": "one"}, {"role": "assistant", "content": "yes"}]},
    {"messages": [{"role": "user", "content": "long"}, {"role": "assistant", "content": "no"}]},
]


class Server(BaseHTTPRequestHandler):
    """Answers with what it was asked, in capitals; "long" is cut off."""

    heard: ClassVar[list[dict[str, Any]]] = []

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        Server.heard.append(asked)
        text = asked["messages"][-1]["content"]
        why = "length" if text.startswith("long") else "stop"
        reply = {"choices": [{"message": {"content": text.upper()}, "finish_reason": why}]}
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(reply).encode())

    def log_message(self, format: str, *args: Any) -> None:
        del format, args


@pytest.fixture
def url() -> Iterator[str]:
    Server.heard.clear()
    server = HTTPServer(("127.0.0.1", 0), Server)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS), encoding="utf-8")
    return path


def written(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_answers_of_an_endpoint_become_rows_and_cut_ones_are_counted(
    rows: Path, url: str, tmp_path: Path
) -> None:
    found = answer_file(rows, tmp_path / "new.jsonl", teacher=Teacher("big", url))
    assert (found["answered"], found["unfinished"]) == (1, 1)
    [row] = written(tmp_path / "new.jsonl")
    assert row["messages"] == [
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "ONE"},
    ]
    assert all(len(asked["messages"]) == 1 for asked in Server.heard)


def test_rewriting_shows_the_rows_own_answer_and_keeps_its_question(
    rows: Path, url: str, tmp_path: Path
) -> None:
    answer_file(rows, tmp_path / "new.jsonl", teacher=Teacher("big", url, rewrite=True))
    shown = sorted(asked["messages"][-1]["content"] for asked in Server.heard)
    assert "yes" in shown[1]
    assert written(tmp_path / "new.jsonl")[0]["messages"][0]["content"] == "one"


def test_a_model_of_this_machine_that_ends_no_answer_is_told_so_and_nothing_is_written(
    rows: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LUTHIER_CACHE", str(tmp_path / "cache"))
    model = tiny.folder(tmp_path / "model")
    teacher = Teacher(str(model), max_new_tokens=4)
    with pytest.raises(RecipeError, match="not one of 2 answers came to its end within 4 tokens"):
        answer_file(rows, tmp_path / "new.jsonl", teacher=teacher)
    assert not (tmp_path / "new.jsonl").exists()


def test_nobody_at_the_endpoint_is_told_with_the_row(rows: Path, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"no chat completion .*rows\.jsonl line"):
        answer_file(rows, tmp_path / "n.jsonl", teacher=Teacher("big", "http://127.0.0.1:9/v1"))
    key = Teacher("big", "http://127.0.0.1:9/v1", key_env="NO_SUCH_KEY")
    with pytest.raises(RecipeError, match="NO_SUCH_KEY"):
        answer_file(rows, tmp_path / "n.jsonl", teacher=key)
