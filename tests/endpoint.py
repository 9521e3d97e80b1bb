"""An OpenAI-compatible endpoint on this machine, and files of questions for it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from luthier.core import server


class Server(BaseHTTPRequestHandler):
    """Answers with what it was asked, in capitals; "long" is cut off, "call" calls a tool."""

    heard: ClassVar[list[dict[str, Any]]] = []
    keys: ClassVar[list[str]] = []
    refusals: ClassVar[dict[str, list[int]]] = {}
    """Status codes by the last words of a question, used up one by one."""
    models: ClassVar[list[str]] = []
    """What it lists; none: it lists no models."""
    script: ClassVar[list[Callable[[str], str]]] = []
    """What is said to a question instead, where there is one."""

    def do_GET(self) -> None:
        self.send_response(200 if Server.models else 404)
        self.end_headers()
        self.wfile.write(json.dumps({"data": [{"id": name} for name in Server.models]}).encode())

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        Server.heard.append(asked)
        Server.keys.append(self.headers.get("Authorization", ""))
        text = asked["messages"][-1]["content"]
        if Server.refusals.get(text):
            self.send_response(Server.refusals[text].pop(0))
            self.end_headers()
            self.wfile.write(b'{"error": "too many"}')
            return
        ends = {"long": "length", "call": "tool_calls", "held": "content_filter"}
        why = ends.get(text[:4], "stop")
        said = Server.script[0](text) if Server.script else text.upper()
        message = {"content": None if why == "tool_calls" else said}
        reply = {"choices": [{"message": message, "finish_reason": why}]}
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(reply).encode())

    def log_message(self, format: str, *args: Any) -> None:
        del format, args


@contextmanager
def serving(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Its address. Nobody waits between two tries."""
    monkeypatch.setattr(server, "PAUSES", (0.0, 0.0))
    for held in (Server.heard, Server.keys, Server.refusals, Server.models, Server.script):
        held.clear()
    found = HTTPServer(("127.0.0.1", 0), Server)
    thread = threading.Thread(target=found.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{found.server_port}/v1"
    finally:
        found.shutdown()
        thread.join()
        found.server_close()


def saved(folder: Path, *rows: Any) -> Path:
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def asking(*texts: str) -> list[Any]:
    return [{"messages": [{"role": "user", "content": text}]} for text in texts]


def written(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
