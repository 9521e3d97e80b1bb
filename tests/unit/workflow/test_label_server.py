"""The page of `luthier data label`: who may ask it, and what it answers."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from luthier.core.errors import DataError
from luthier.recipe.schema import DataSection
from luthier.workflow.label import open_sitting
from luthier.workflow.label_server import LabelServer

ROWS = [{"prompt": f"What is {n} + {n}?", "completion": str(2 * n)} for n in range(5)]


class Client:
    """Sends what a browser, or somebody else, would send."""

    def __init__(self, server: LabelServer, file: Path) -> None:
        self.server, self.file = server, file
        self.path = "/" + server.url.split("/", 3)[3]

    def send(
        self, method: str, path: str, body: bytes | None = None, **headers: str
    ) -> tuple[int, bytes, Mapping[str, str]]:
        host, port = self.server.host.split(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=20)
        connection.request(method, path, body, {k.replace("_", "-"): v for k, v in headers.items()})
        reply = connection.getresponse()
        content = reply.read()
        connection.close()
        return reply.status, content, dict(reply.headers)

    def get(self, name: str, **headers: str) -> tuple[int, bytes, Mapping[str, str]]:
        return self.send("GET", self.path + name, **headers)

    def act(self, said: Any, **headers: str) -> tuple[int, Any]:
        usual = {"Origin": f"http://{self.server.host}", "Content_Type": "application/json"}
        status, content, _ = self.send(
            "POST", f"{self.path}act", json.dumps(said).encode(), **{**usual, **headers}
        )
        return status, json.loads(content) if content.startswith(b"{") else content

    def decided(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.file.read_text().splitlines()]


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    (tmp_path / "r.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    file = tmp_path / "c.jsonl"
    section = DataSection(train=str(tmp_path / "r.jsonl"))
    with (
        open_sitting(section, file=file, everything=True) as sitting,
        LabelServer(sitting) as server,
    ):
        yield Client(server, file)


def test_it_shows_the_row_and_takes_what_is_decided(client: Client) -> None:
    status, content, headers = client.get("state")
    assert status == 200
    state = json.loads(content)
    assert (state["number"], state["item"]["given"]) == (0, "What is 0 + 0?")
    assert headers["Cache-Control"] == "no-store"
    status, state = client.act({"what": "answer", "number": 0, "value": "nought"})
    assert (status, state["number"], state["decided"]) == (200, 1, 1)
    assert [line["answer"] for line in client.decided()] == ["nought"]
    assert client.act({"what": "undo", "number": 1})[1]["number"] == 0
    assert client.decided() == []


def test_every_page_holds_the_policy_and_asks_nobody_else(client: Client) -> None:
    for name in ("", "label.css", "label.js", "state", "nothing"):
        _, content, headers = client.get(name)
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert headers["Referrer-Policy"] == "no-referrer"
        assert b"http://" not in content
        assert b"https://" not in content


@pytest.mark.parametrize("path", ["/", "/state", "/wrong/state", "/wrong/", "//", "/%C3%A9/state"])
def test_without_the_secret_nothing_is_shown(client: Client, path: str) -> None:
    status, content, _ = client.send("GET", path)
    assert (status, content) == (403, b"Forbidden")


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example:80", "127.0.0.1"])
def test_another_host_name_is_refused(client: Client, host: str) -> None:
    assert client.get("state", Host=host)[0] == 403
    assert client.act({"what": "drop", "number": 0}, Host=host)[0] == 403
    assert client.decided() == []


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1"])
def test_another_origin_decides_nothing(client: Client, origin: str) -> None:
    assert client.act({"what": "drop", "number": 0}, Origin=origin)[0] == 403
    assert client.get("state", Sec_Fetch_Site="cross-site")[0] == 403
    assert client.decided() == []


def test_a_form_of_another_site_decides_nothing(client: Client) -> None:
    said = {"what": "drop", "number": 0}
    assert client.act(said, Content_Type="text/plain")[0] == 400
    status, _, _ = client.send("POST", f"{client.path}act", b"{}")  # no origin at all
    assert status == 403
    assert client.decided() == []


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"what": "shout", "number": 0},
        {"what": "answer", "number": 0, "value": ["a"]},
        {"what": "labels", "number": 0, "value": "a"},
        {"what": "drop", "number": "x"},
        ["drop"],
        None,
    ],
)
def test_what_our_page_does_not_say_changes_nothing(client: Client, said: Any) -> None:
    assert client.act(said)[0] == 400
    assert client.decided() == []


def test_what_cannot_be_done_is_told(client: Client) -> None:
    assert client.act({"what": "undo"})[1]["error"].startswith("nothing to take back")
    status, found = client.act({"what": "label", "number": 0, "value": "x"})
    assert status == 409
    assert "expected one of: answer" in found["error"]
    assert client.act({"what": "answer", "number": 0, "value": " "})[0] == 409


def test_a_picture_is_shown_only_of_the_row_that_is_asked(client: Client) -> None:
    assert client.get("picture/0")[0] == 404
    assert client.get("picture/../state")[0] == 404


def test_the_end_is_heard(client: Client) -> None:
    status, found = client.act({"what": "finish", "number": 0})
    assert (status, found["left"]) == (200, 5)
    client.server.wait()


def test_a_port_that_is_taken_is_named(client: Client) -> None:
    port = int(client.server.host.split(":")[1])
    with pytest.raises(DataError, match=f"port {port}: no page can be shown there"):
        LabelServer(client.server._sitting, port=port).__enter__()
