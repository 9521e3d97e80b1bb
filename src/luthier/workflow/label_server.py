"""A page on this machine alone, on which a sitting goes on: who has its address may answer."""

from __future__ import annotations

import json
import secrets
import sys
import threading
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from socketserver import TCPServer
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from luthier.core.errors import DataError
from luthier.data.corrections.correction import WHAT
from luthier.workflow.sitting import Sitting

HOST = "127.0.0.1"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
PAGES = {
    "": ("page.html", "text/html; charset=utf-8"),
    "label.css": ("label.css", "text/css; charset=utf-8"),
    "label.js": ("label.js", "text/javascript; charset=utf-8"),
}
PICTURES = {
    b"\x89PNG": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF8": "image/gif",
    b"RIFF": "image/webp",
    b"BM": "image/bmp",
}
MOST_BYTES = 1 << 20
"""Of a request: an answer that was edited."""


class LabelServer:
    """Serves one sitting while it is entered.

    Example: with LabelServer(sitting) as server: print(server.url); server.wait()
    """

    def __init__(self, sitting: Sitting, *, port: int = 0) -> None:
        self._sitting, self._port = sitting, port
        self._token = secrets.token_urlsafe(24)
        self._lock, self._over = threading.Lock(), threading.Event()

    def __enter__(self) -> LabelServer:
        try:
            self._server = _Server((HOST, self._port), _handler(self))
        except OSError as error:
            said = (error.strerror or str(error)).lower()
            raise DataError(
                f"port {self._port}: no page can be shown there ({said}).\n"
                "    Name another one: --port; or decide here: --terminal"
            ) from None
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def host(self) -> str:
        """What requests must be sent to."""
        return f"{HOST}:{self._server.server_address[1]}"

    @property
    def url(self) -> str:
        """The address of the page; it holds the secret."""
        return f"http://{self.host}/{self._token}/"

    def wait(self) -> None:
        """Until somebody ends the sitting on the page."""
        self._over.wait()

    def knows(self, token: str) -> bool:
        """Whether the secret is ours."""
        return secrets.compare_digest(token.encode(), self._token.encode())

    def state(self) -> dict[str, Any]:
        with self._lock:
            return self._sitting.document()

    def picture(self, number: int) -> bytes:
        """The bytes of the picture that is asked about; empty: there is none."""
        with self._lock:
            path = self._sitting.picture(number)
        return path.read_bytes() if path else b""

    def act(self, said: Mapping[str, Any]) -> dict[str, Any]:
        """What is asked after somebody pressed a key.

        Raises: DataError: it cannot be done. KeyError, TypeError: nothing that our page says.
        """
        what = said["what"]
        with self._lock:
            if what == "undo":
                self._sitting.undo()
            elif what == "skip":
                self._sitting.skip(int(said["number"]))
            elif what in WHAT:
                is_new = said.get("new") is True
                value = _value(what, said.get("value", True))
                self._sitting.decide(int(said["number"]), what, value, is_new=is_new)
            elif what != "finish":
                raise KeyError(what)
            return self._sitting.document()

    def end(self) -> None:
        """Let `wait` return."""
        self._over.set()


def _value(what: str, value: Any) -> Any:
    """Raises: TypeError: not what such a decision holds."""
    if what == "labels":
        if not isinstance(value, list) or not all(isinstance(name, str) for name in value):  # pyright: ignore[reportUnknownVariableType]
            raise TypeError("labels")
    elif not isinstance(value, str if what in ("label", "answer") else bool):
        raise TypeError(what)
    return value  # pyright: ignore[reportUnknownVariableType]


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def server_bind(self) -> None:
        TCPServer.server_bind(self)  # without asking for the name of this machine
        self.server_name, self.server_port = HOST, int(self.server_address[1])

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):  # a page that was left is no error
            super().handle_error(request, client_address)


def _handler(owner: LabelServer) -> type[BaseHTTPRequestHandler]:
    class Handler(_Handler):
        server_owner = owner

    return Handler


class _Handler(BaseHTTPRequestHandler):
    server_owner: LabelServer
    timeout = 30
    server_version, sys_version = "luthier", ""

    def do_GET(self) -> None:
        name = self._name()
        if name is None:
            self._refuse(HTTPStatus.FORBIDDEN)
        elif name in PAGES:
            file, kind = PAGES[name]
            self._send(_asset(file), kind)
        elif name == "state":
            self._send_json(self.server_owner.state())
        elif name.startswith("picture/") and name[8:].isdecimal():
            self._send_picture(int(name[8:]))
        else:
            self._refuse(HTTPStatus.NOT_FOUND)

    def do_POST(self) -> None:
        is_ours = self.headers.get("Origin") == f"http://{self.server_owner.host}"
        if self._name() != "act" or not is_ours:
            self._refuse(HTTPStatus.FORBIDDEN)
            return
        length = self.headers.get("Content-Length", "")
        is_json = self.headers.get_content_type() == "application/json"
        if not is_json or not length.isdecimal() or int(length) > MOST_BYTES:
            self._refuse(HTTPStatus.BAD_REQUEST)
            return
        try:
            said = json.loads(self.rfile.read(int(length)))
            self._send_json(self.server_owner.act(said))
            if said["what"] == "finish":
                self.server_owner.end()  # once the page knows
        except DataError as error:
            self._send_json({"error": str(error)}, HTTPStatus.CONFLICT)
        except (ValueError, KeyError, TypeError, AttributeError):
            self._refuse(HTTPStatus.BAD_REQUEST)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: an address in a log would give the secret away."""

    def _name(self) -> str | None:
        """What is asked for behind the secret; None: nobody of ours asks.

        Another host name could be one that a foreign site points at this machine.
        """
        if self.headers.get("Host") != self.server_owner.host:
            return None
        if self.headers.get("Sec-Fetch-Site", "none") == "cross-site":
            return None
        parts = urlsplit(self.path).path.split("/", 2)
        is_known = len(parts) == 3 and self.server_owner.knows(parts[1])
        return parts[2] if is_known else None

    def _send_picture(self, number: int) -> None:
        try:
            content = self.server_owner.picture(number)
        except OSError:
            content = b""
        kind = next((kind for start, kind in PICTURES.items() if content.startswith(start)), "")
        if kind:
            self._send(content, kind)
        else:
            self._refuse(HTTPStatus.NOT_FOUND)

    def _send_json(self, value: Mapping[str, Any], status: HTTPStatus = HTTPStatus.OK) -> None:
        content = json.dumps(value).encode()  # ASCII: half surrogates come through
        self._send(content, "application/json", status)

    def _refuse(self, status: HTTPStatus) -> None:
        self._send(status.phrase.encode(), "text/plain; charset=utf-8", status)

    def _send(self, content: bytes, kind: str, status: HTTPStatus = HTTPStatus.OK) -> None:
        self.send_response(status)
        for name, value in {**HEADERS, "Content-Type": kind}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def _asset(name: str) -> bytes:
    content = resources.files("luthier.workflow").joinpath("label_page", name).read_bytes()
    if name != "label.css":
        return content
    return resources.files("luthier.run.report").joinpath("style.css").read_bytes() + content
