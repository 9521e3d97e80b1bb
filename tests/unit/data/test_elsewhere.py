"""Files elsewhere are fetched once for each of their states, and read as those at hand."""

import functools
import http.server
import json
import os
import resource
import sqlite3
import threading
import zipfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from luthier.core import amount
from luthier.core.amount import told_to
from luthier.core.errors import DataError
from luthier.data.find import digest, find, find_one
from luthier.data.load import changed_files, load
from luthier.data.places.url import Url
from luthier.data.places.url_pattern import UrlPattern
from luthier.data.recorded import as_recorded
from luthier.recipe.schema import DataSection


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LUTHIER_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


class _Server(http.server.SimpleHTTPRequestHandler):
    fetched: list[str]
    silent_of: tuple[str, ...] = ()
    """Headers that are not sent."""
    share = 1.0
    """Of what was promised, what is sent."""

    def do_GET(self) -> None:
        self.fetched.append(self.path)
        super().do_GET()

    def send_header(self, keyword: str, value: str) -> None:
        if keyword not in self.silent_of:
            super().send_header(keyword, value)

    def copyfile(self, source: Any, outputfile: Any) -> None:
        content = source.read()
        outputfile.write(content[: int(self.share * len(content))])

    def log_message(self, *_: object) -> None:
        """Nothing."""


@contextmanager
def serving(folder: Path, **habits: object) -> Generator[tuple[str, list[str]]]:
    """The address at which a server shows a folder, and what was fetched; it is gone afterwards."""
    fetched: list[str] = []
    handler = type("Handler", (_Server,), {"fetched": fetched, **habits})
    with http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(handler, directory=str(folder))
    ) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", fetched
        server.shutdown()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "served"
    found.mkdir()
    return found


@pytest.fixture
def served(folder: Path) -> Iterator[tuple[Path, str, list[str]]]:
    """A folder, the address at which a server shows it, and what was fetched."""
    with serving(folder) as (url, fetched):
        yield folder, url, fetched


def texts(url: str) -> list[str]:
    """What the rows say that stand there."""
    (found,) = find(url, encoding="auto")
    return [record["text"] for _, record in found.records]


def write(path: Path, text: str, *, at: float = 1e9) -> None:
    path.write_text(json.dumps({"text": text}) + "\n")
    os.utime(path, (at, at))


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


def test_a_pattern_stands_for_every_file_elsewhere_that_matches(
    served: tuple[Path, str, list[str]],
) -> None:
    folder, url, _ = served
    (folder / "rows").mkdir()
    for name in ("b.jsonl", "a.jsonl", "c.csv"):
        write(folder / "rows" / name, name)
    (folder / "rows" / "old.jsonl").mkdir()
    found = find(f"{url}/rows/*.jsonl", encoding="auto")
    assert [one.name for one in found] == [f"{url}/rows/a.jsonl", f"{url}/rows/b.jsonl"]
    assert [record["text"] for one in found for _, record in one.records] == ["a.jsonl", "b.jsonl"]
    with pytest.raises(DataError, match="no file matches this pattern"):
        find(f"{url}/rows/*.parquet", encoding="auto")


def test_a_pattern_is_read_from_what_was_recorded_where_nobody_answers(folder: Path) -> None:
    for name in ("a.jsonl", "b.jsonl"):
        write(folder / name, name)
    with serving(folder) as (url, _):
        known = {one.name: one.sha256 for one in find(f"{url}/*.jsonl", encoding="auto")}
    with pytest.raises(DataError, match="cannot be fetched"):
        find(f"{url}/*.jsonl", encoding="auto")
    with as_recorded(known):
        again = find(f"{url}/*.jsonl", encoding="auto")
    assert {one.name: one.sha256 for one in again} == known


@pytest.mark.parametrize(
    "name", ["http://[::1]:80/rows.jsonl", "https://a.b/rows.jsonl?like=*", "s3://a/rows.jsonl"]
)
def test_one_file_is_no_pattern(name: str) -> None:
    assert Url().holds(name)
    assert not UrlPattern().holds(name)


def test_a_query_with_a_star_is_no_pattern_of_files(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "a.db") as base:
        base.execute("create table said (text)")
        base.execute("insert into said values ('a')")
    base.close()
    assert texts(f"sqlite:///{tmp_path}/a.db#SELECT * FROM said") == ["a"]


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


def test_a_change_that_keeps_the_size_is_noticed_by_the_time_alone(
    served: tuple[Path, str, list[str]],
) -> None:
    folder, url, _ = served
    write(folder / "rows.jsonl", "old", at=1e9)
    assert texts(f"{url}/rows.jsonl") == ["old"]
    write(folder / "rows.jsonl", "new", at=2e9)
    assert texts(f"{url}/rows.jsonl") == ["new"]


def test_of_a_server_that_tells_no_state_the_file_is_fetched_anew_and_kept_once(
    folder: Path, cache: Path
) -> None:
    with serving(folder, silent_of=("Last-Modified",)) as (url, fetched):
        write(folder / "rows.jsonl", "old")
        assert [texts(f"{url}/rows.jsonl") for _ in range(2)] == [["old"], ["old"]]
        write(folder / "rows.jsonl", "new")
        assert texts(f"{url}/rows.jsonl") == ["new"]
        assert fetched.count("/rows.jsonl") >= 3
    kept = sorted(path.read_text() for path in cache.glob("fetched/*/rows.jsonl"))
    assert [json.loads(text)["text"] for text in kept] == ["new", "old"]
    assert not list(cache.glob("fetched/.*"))


def test_a_server_that_breaks_off_leaves_one_message_and_no_file(folder: Path, cache: Path) -> None:
    (folder / "rows.jsonl").write_text('{"text": "a"}\n' * 50_000)
    with (
        serving(folder, share=0.6) as (url, _),
        pytest.raises(DataError, match=r"rows\.jsonl: cannot be fetched \(.*\)\.\n    Look at"),
    ):
        find(f"{url}/rows.jsonl", encoding="auto")
    assert not list(cache.glob("fetched/*"))


def test_a_run_that_goes_on_without_a_network_reads_the_copy_that_it_recorded(
    folder: Path,
) -> None:
    write(folder / "rows.jsonl", "recorded", at=1e9)
    with serving(folder) as (url, _):
        name = f"{url}/rows.jsonl"
        recorded = {name: find_one(name, encoding="auto").sha256}
        write(folder / "rows.jsonl", "later", at=2e9)
        with as_recorded(recorded):
            assert texts(name) == ["later"]  # the copy is for those that cannot ask
    with as_recorded(recorded):
        found = find_one(name, encoding="auto")
        assert [record["text"] for _, record in found.records] == ["recorded"]
        assert "a copy with the recorded SHA-256, as it cannot be fetched now" in found.notes[-1]
    with as_recorded({name: "0" * 64}), pytest.raises(DataError, match="keeps no copy with the"):
        find_one(name, encoding="auto")
    with pytest.raises(DataError, match=r"what was fetched before is kept as .*rows\.jsonl"):
        find_one(name, encoding="auto")


def test_a_member_of_a_kept_archive_is_known_by_its_own_bytes(folder: Path) -> None:
    found: list[str] = []
    with serving(folder) as (url, _):
        for at, text in ((1e9, "recorded"), (2e9, "later")):
            with zipfile.ZipFile(folder / "a.zip", "w") as archive:
                archive.writestr("in/rows.jsonl", json.dumps({"text": text}) + "\n")
            os.utime(folder / "a.zip", (at, at))
            (one,) = find(f"{url}/a.zip", encoding="auto")
            found.append(one.sha256)
    with as_recorded({f"{url}/a.zip/in/rows.jsonl": found[0]}):
        for name in (f"{url}/a.zip", f"{url}/a.zip/in/rows.jsonl"):
            assert texts(name) == ["recorded"]


def test_nobody_is_told_of_a_change_that_cannot_be_looked_at(folder: Path) -> None:
    write(folder / "rows.jsonl", "a")
    with serving(folder) as (url, _):
        name = f"{url}/rows.jsonl"
        known = {name: find_one(name, encoding="auto").sha256}
        assert changed_files(known) == []
        write(folder / "rows.jsonl", "b", at=2e9)
        assert changed_files(known) == [name]
        (folder / "rows.jsonl").unlink()
        assert changed_files(known) == [name]
    assert digest(name) is None
    assert changed_files(known) == []


def test_a_fetch_says_how_many_bytes_came(
    served: tuple[Path, str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, url, _ = served
    write(folder / "rows.jsonl", "a" * 100)
    size = (folder / "rows.jsonl").stat().st_size
    monkeypatch.setattr(amount, "SILENT_SECONDS", 0.0)
    heard: list[tuple[str, int, int, str]] = []
    with told_to(lambda *said: heard.append(said)):
        find(f"{url}/rows.jsonl", encoding="auto")
    assert (f"fetching {url}/rows.jsonl", size, size, "bytes") in heard


@pytest.fixture
def full_disk() -> Iterator[None]:
    """No file may be larger than 4 KiB, which takes the same way as a disk without room."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_fetch_into_a_full_disk_is_not_blamed_on_the_network(
    folder: Path, cache: Path, request: pytest.FixtureRequest
) -> None:
    write(folder / "rows.jsonl", "a" * 100_000)
    request.getfixturevalue("full_disk")
    with (
        serving(folder) as (url, _),
        pytest.raises(DataError, match=r"rows\.jsonl: cannot be kept in .*\n    Make room there"),
    ):
        find(f"{url}/rows.jsonl", encoding="auto")
    assert not list(cache.glob("fetched/*"))


def test_parts_of_a_file_elsewhere_are_the_splits_without_a_network_too(folder: Path) -> None:
    rows = {
        part: [{"text": f"{part} {n}", "label": "ab"[n % 2]} for n in range(4)]
        for part in ("train", "test")
    }
    (folder / "all.json").write_text(json.dumps(rows))
    with zipfile.ZipFile(folder / "all.zip", "w") as archive:
        archive.write(folder / "all.json", "in/all.json")
    with serving(folder) as (url, _):
        for name, inner in (("all.json", "all.json"), ("all.zip", "all.zip/in/all.json")):
            loaded = load(DataSection(train=f"{url}/{name}", validation_share=0), seed=0)
            assert [len(part) for part in (loaded.splits.train, loaded.splits.test)] == [4, 4]
            assert set(loaded.files) == {f"{url}/{inner}#train", f"{url}/{inner}#test"}
    with as_recorded(loaded.files):
        again = load(DataSection(train=f"{url}/all.zip", validation_share=0), seed=0)
    assert again.files == loaded.files
