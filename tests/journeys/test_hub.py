"""A data set is fetched once with the hub's own client, and read without the hub afterwards."""

from __future__ import annotations

import functools
import hashlib
import http.server
import json
import os
import subprocess
import sys
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

COMMIT = "b" * 40
API, FILES_AT = "/api/datasets/luthiers/wood", "/datasets/luthiers/wood/resolve/"


class _Hub(http.server.BaseHTTPRequestHandler):
    """Of one data set: what it is, its files, and their bytes."""

    protocol_version = "HTTP/1.1"

    def __init__(
        self, *args: object, files: Mapping[str, bytes], asked: list[str], **more: object
    ) -> None:
        self.files, self.asked = files, asked
        super().__init__(*args, **more)  # pyright: ignore[reportArgumentType]

    def log_message(self, *_: object) -> None:
        """Nothing."""

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        name = path.removeprefix(FILES_AT).partition("/")[2]
        if path.startswith(f"{API}/tree/"):
            self._send(json.dumps([_entry(*item) for item in self.files.items()]).encode())
        elif path.startswith(f"{API}/revision/"):
            names = [{"rfilename": name} for name in self.files]
            about = {"_id": "1", "id": "luthiers/wood", "sha": COMMIT, "siblings": names}
            self._send(json.dumps(about).encode())
        elif path.startswith(FILES_AT) and name in self.files:
            self.asked.append(f"{self.command} {name}")
            tag = hashlib.sha1(self.files[name]).hexdigest()
            self._send(self.files[name], ETag=f'"{tag}"', **{"X-Repo-Commit": COMMIT})
        else:
            self._send(b"{}", status=404, **{"X-Error-Code": "RepoNotFound"})

    do_HEAD = do_GET

    def _send(self, body: bytes, *, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)


def _entry(name: str, content: bytes) -> dict[str, str | int]:
    oid = hashlib.sha1(content).hexdigest()
    return {"type": "file", "path": name, "size": len(content), "oid": oid}


@contextmanager
def hub(files: Mapping[str, bytes], asked: list[str]) -> Generator[str]:
    """The address of a hub that has them; nobody answers there afterwards."""
    handler = functools.partial(_Hub, files=files, asked=asked)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def preview(name: str, root: Path, address: str) -> tuple[int, str]:
    """Exit code, and all that a user sees."""
    own = {"HF_ENDPOINT": address, "HF_HUB_CACHE": str(root / "hub"), "HF_HUB_OFFLINE": "0",
           "LUTHIER_CACHE": str(root / "cache")}  # fmt: skip
    command = [sys.executable, "-m", "luthier", "data", "preview", name]
    done = subprocess.run(
        command, env={**os.environ, **own}, capture_output=True, text=True, timeout=120, check=False
    )
    return done.returncode, done.stdout + done.stderr


def test_a_data_set_is_fetched_once_and_its_parts_are_the_splits(tmp_path: Path) -> None:
    rows = {part: f'{{"text": "a row of {part}", "label": "a"}}\n' for part in ("train", "test")}
    files = {f"data/{part}.jsonl": row.encode() for part, row in rows.items()}
    asked: list[str] = []
    with hub({**files, "README.md": b"# Wood\n", "weights.bin": b"0" * 99}, asked) as address:
        code, said = preview("hf://datasets/luthiers/wood", tmp_path, address)
        assert code == 0, said
        assert "a row of train" in said
        assert "a row of test" in said
        fetched = [line for line in asked if line.startswith("GET")]
        assert sorted(fetched) == ["GET data/test.jsonl", "GET data/train.jsonl"]
        code, said = preview("hf://datasets/luthiers/bark", tmp_path, address)
        assert code == 2, said
        assert "hf://datasets/luthiers/bark: not in the hub's local cache" in said
        assert "Traceback" not in said
    code, said = preview("hf://datasets/luthiers/wood#test", tmp_path, address)
    assert code == 0, said
    assert f"of the hub's local cache, commit {COMMIT[:12]}" in said
    assert "a row of train" not in said
