"""Files elsewhere are fetched once for each of their states, and read as those at hand."""

import functools
import http.server
import json
import os
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from luthier.core.errors import DataError
from luthier.data.find import digest, find, find_one


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LUTHIER_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


class _Server(http.server.SimpleHTTPRequestHandler):
    fetched: list[str]

    def do_GET(self) -> None:
        self.fetched.append(self.path)
        super().do_GET()

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, str, list[str]]]:
    """A folder, the address at which a server shows it, and what was fetched."""
    folder = tmp_path / "served"
    folder.mkdir()
    fetched: list[str] = []
    handler = type("Handler", (_Server,), {"fetched": fetched})
    with http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(handler, directory=str(folder))
    ) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield folder, f"http://127.0.0.1:{server.server_port}", fetched
        server.shutdown()


def test_a_file_elsewhere_is_read_and_fetched_anew_only_when_it_changed(
    served: tuple[Path, str, list[str]],
) -> None:
    folder, url, fetched = served
    path = folder / "rows.jsonl"
    path.write_text('{"text": "a"}\n')
    for _ in range(2):
        found = find_one(f"{url}/rows.jsonl?version=2", encoding="auto")
        assert [record for _, record in found.records] == [{"text": "a"}]
    before = digest(f"{url}/rows.jsonl")
    path.write_text('{"text": "other"}\n')
    os.utime(path, (2e9, 2e9))
    assert digest(f"{url}/rows.jsonl") != before
    assert len([name for name in fetched if name == "/rows.jsonl?version=2"]) <= 3
    path.unlink()
    assert digest(f"{url}/rows.jsonl") == ""


def test_an_archive_elsewhere_is_read_as_a_folder(served: tuple[Path, str, list[str]]) -> None:
    folder, url, _ = served
    with zipfile.ZipFile(folder / "a.zip", "w") as archive:
        archive.writestr("in/rows.jsonl", json.dumps({"text": "a"}) + "\n")
    (found,) = find(f"{url}/a.zip", encoding="auto")
    assert found.name == f"{url}/a.zip/in/rows.jsonl"
    assert [record for _, record in find_one(found.name, encoding="auto").records] == [
        {"text": "a"}
    ]
    assert digest(found.name) == found.sha256


def test_what_cannot_be_fetched_is_named(served: tuple[Path, str, list[str]], cache: Path) -> None:
    with pytest.raises(DataError, match=r"none\.jsonl: cannot be fetched \(404.*\n.*the address"):
        find(f"{served[1]}/none.jsonl", encoding="auto")
    with pytest.raises(DataError, match=r"cannot be fetched .*\n.*the network"):
        find("http://127.0.0.1:9/rows.jsonl", encoding="auto")
    assert not list(cache.rglob("rows*"))
