"""Asking a server over HTTP: what is tried again, for how long, and what is said in the end."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest

from luthier.core import server
from luthier.core.server import NoReply, Server


class Handler(BaseHTTPRequestHandler):
    """Gives the replies of `script` one after the other: a status, headers and a body."""

    script: ClassVar[list[tuple[int, dict[str, str], str]]] = []
    seen: ClassVar[list[tuple[str, str]]] = []

    def do_GET(self) -> None:
        self._reply()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self._reply()

    def _reply(self) -> None:
        self.seen.append((self.path, self.headers.get("Authorization", "")))
        code, headers, body = self.script.pop(0)
        if not code:  # gone in the middle of a reply
            self.close_connection = True
            self.connection.close()
            return
        self.send_response(code)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: Any) -> None:
        del format, args


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(server, "PAUSES", (0.0, 0.0))
    Handler.script.clear()
    Handler.seen.clear()
    found = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=found.serve_forever)
    thread.start()
    yield Server(f"http://127.0.0.1:{found.server_port}/v1/", key="secret", seconds=5)
    found.shutdown()
    thread.join()
    found.server_close()


def replies(*found: int | tuple[int, dict[str, str], str]) -> None:
    Handler.script[:] = [(x, {}, "{}") if isinstance(x, int) else x for x in found]


def test_what_may_pass_is_tried_again(there: Server) -> None:
    replies(503, 429, (200, {}, '{"choices": []}'))
    assert there.complete({"model": "m"}) == {"choices": []}
    assert Handler.seen == [("/v1/chat/completions", "Bearer secret")] * 3


def test_a_connection_that_breaks_is_tried_again(there: Server) -> None:
    replies(0, 200)
    assert there.complete({}) == {}


@pytest.mark.parametrize("code", [400, 401, 404, 422])
def test_a_refusal_is_final_and_said_with_its_words(there: Server, code: int) -> None:
    replies((code, {}, '{"error":  "no such\\nmodel"}'), 200)
    with pytest.raises(NoReply, match=f"{code} .*no such") as raised:
        there.complete({})
    assert raised.value.code == code
    assert len(Handler.seen) == 1


def test_after_the_last_try_the_last_word_is_given(there: Server) -> None:
    replies(500, 502, 503, 200)
    with pytest.raises(NoReply, match="503"):
        there.complete({})
    assert len(Handler.seen) == 3


def test_a_busy_server_says_how_long_to_wait(there: Server) -> None:
    replies((429, {"Retry-After": "1"}, ""), 200)
    start = time.monotonic()
    there.complete({})
    assert time.monotonic() - start >= 1


def test_nothing_is_tried_again_once_it_is_to_stop(
    there: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "PAUSES", (60.0, 60.0))
    replies(503, 503)
    stop = threading.Event()
    threading.Timer(0.3, stop.set).start()
    start = time.monotonic()
    with pytest.raises(NoReply, match="503"):
        there.complete({}, stop=stop)
    assert time.monotonic() - start < 30
    assert len(Handler.seen) <= 2


def test_what_is_no_json_is_said_once(there: Server) -> None:
    replies((200, {}, "<html>"), 200)
    with pytest.raises(NoReply, match="no JSON"):
        there.complete({})
    assert len(Handler.seen) == 1


@pytest.mark.parametrize("reply", [200, 404, 500, (200, {}, "<html>")])
def test_somebody_is_there_whatever_is_said_of_models(there: Server, reply: Any) -> None:
    replies(reply)
    there.probe()
    assert Handler.seen == [("/v1/models", "Bearer secret")]


def test_a_key_that_is_not_taken_and_nobody_at_all_are_told(there: Server) -> None:
    replies(401)
    with pytest.raises(NoReply, match="401"):
        there.probe()
    with pytest.raises(NoReply, match="refused"):
        Server("http://127.0.0.1:9/v1").probe()
