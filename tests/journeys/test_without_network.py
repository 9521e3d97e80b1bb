"""Rows from elsewhere: a run that was stopped goes on when nobody gives them any more."""

from __future__ import annotations

import functools
import http.server
import json
import os
import shutil
import signal
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors.torch import load_file
from tests.journeys.desk import QUICK, Desk, desk

SETTINGS = (*QUICK, "training.epochs=10", "training.save_every=3", "training.learning_rate=0.003")


class _Slow(http.server.SimpleHTTPRequestHandler):
    """Sends a tenth of a file in a second."""

    def log_message(self, *_: object) -> None:
        """Nothing."""

    def copyfile(self, source: Any, outputfile: Any) -> None:
        content = source.read()
        size = len(content) // 100 + 1
        for start in range(0, len(content), size):
            try:
                outputfile.write(content[start : start + size])
            except OSError:  # whoever asked has gone
                return
            time.sleep(0.1)


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Nothing."""


@contextmanager
def network(folder: Path, *, kind: type[Any] = _Quiet) -> Generator[int]:
    """The port at which a server shows the folder; nobody answers there afterwards."""
    handler = functools.partial(kind, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def stop(place: Desk, words: list[str | Path], out: Path, *, updates: int) -> None:
    """Start a run, and stop it once it logged so many updates."""
    process = place.start(*words, "--out", out)
    end = time.monotonic() + 120
    while time.monotonic() < end and process.poll() is None:
        if (out / "metrics.jsonl").exists() and len(place.losses(out)) >= updates:
            process.send_signal(signal.SIGINT)
            break
        time.sleep(0.01)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 3, said


def test_a_stopped_run_ends_without_a_network_as_if_nothing_had_happened(tmp_path: Path) -> None:
    place = desk(tmp_path, num_rows=24)
    folder, whole, broken = place.root / "served", place.root / "whole", place.root / "broken"
    folder.mkdir()
    place.data.rename(folder / "rows.jsonl")
    with network(folder) as port:
        url = f"http://127.0.0.1:{port}/rows.jsonl"
        words = ["train", url, "--model", place.model, *SETTINGS]
        code, _, said = place.luthier(*words, "--out", whole)
        assert code in (0, 1), said
        stop(place, words, broken, updates=7)

    cache, moved = Path(place.environment["LUTHIER_CACHE"]), place.root / "moved"
    shutil.move(cache / "fetched", moved)
    code, found, said = place.luthier("train", broken)
    assert code == found["error"]["exit_code"] == 2, said
    assert f"{url}: cannot be fetched" in said
    assert "keeps no copy with the bytes that the run was started with" in said
    shutil.move(moved, cache / "fetched")

    code, _, said = place.luthier("train", broken)
    assert code in (0, 1), said
    assert "a copy with the recorded SHA-256, as it cannot be fetched now" in said
    assert place.losses(broken) == place.losses(whole)
    ours, theirs = (load_file(run / "adapter/adapter_model.safetensors") for run in (broken, whole))
    assert all(bool((ours[name] == theirs[name]).all()) for name in theirs)
    assert (broken / "predictions.jsonl").read_bytes() == (whole / "predictions.jsonl").read_bytes()
    code, _, said = place.luthier("evaluate", broken)
    assert code in (0, 1), said

    new = [*words, "--out", place.root / "new"]
    code, _, said = place.luthier(*new)
    assert code == 2, said
    assert "what was fetched before is kept as" in said


def test_a_run_is_not_continued_with_other_rows_from_the_same_address(tmp_path: Path) -> None:
    place = desk(tmp_path, num_rows=24)
    folder, out = place.root / "served", place.root / "run"
    folder.mkdir()
    place.data.rename(folder / "rows.jsonl")
    with network(folder) as port:
        url = f"http://127.0.0.1:{port}/rows.jsonl"
        stop(place, ["train", url, "--model", place.model, *SETTINGS], out, updates=3)
        text = (folder / "rows.jsonl").read_text(encoding="utf-8")
        row = json.loads(text.splitlines()[0])
        row["messages"][0]["content"] += " Now." * 500  # more than the model reads, too
        (folder / "rows.jsonl").write_text(f"{text}{json.dumps(row)}\n", encoding="utf-8")
        os.utime(folder / "rows.jsonl", (2e9, 2e9))
        code, _, said = place.luthier("train", out)
    assert code == 2, said
    assert f"{url} changed" in said
    code, _, said = place.luthier("train", out)  # what it began with is kept beside what came later
    assert code in (0, 1), said


def test_a_slow_fetch_shows_itself_and_leaves_nothing_when_it_is_stopped(tmp_path: Path) -> None:
    folder, place = tmp_path / "served", Desk(tmp_path)
    folder.mkdir()
    (folder / "rows.jsonl").write_text('{"text": "some words"}\n' * 100_000)
    with network(folder, kind=_Slow) as port:
        url = f"http://127.0.0.1:{port}/rows.jsonl"
        process = place.start("data", "preview", url, "--json")
        assert process.stderr is not None
        said = list[str]()
        for line in process.stderr:
            said.append(line)
            if line.startswith(f"fetching {url}: "):
                break
        process.send_signal(signal.SIGINT)
        output, rest = process.communicate(timeout=60)
    assert process.returncode == 3, (said, rest)
    assert json.loads(output)["error"]["exit_code"] == 3
    assert said[-1].endswith(" KiB of 2.2 MiB\n"), said
    assert "\r" not in "".join([*said, rest])
    assert [path for path in tmp_path.rglob("*") if path.name == "rows.jsonl"] == [
        folder / "rows.jsonl"
    ]
