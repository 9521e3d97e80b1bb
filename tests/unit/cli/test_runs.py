"""`luthier runs` over a folder of runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from luthier.cli.main import run


@pytest.fixture(autouse=True)
def _runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for number, name in enumerate(("a", "b")):
        folder = tmp_path / "runs" / name
        folder.mkdir(parents=True)
        summary: dict[str, Any] = {
            "name": name,
            "state": "done" if number else "failed",
            "verdict": "better",
            "model": "m",
            "updated": f"2026-01-0{number + 1}T00:00:00+00:00",
        }
        (folder / "summary.json").write_text(json.dumps(summary))
        (folder / "metrics.jsonl").write_text("")
        (folder / "resolved.yaml").write_text(f"recipe: {{seed: {number}}}\n")


def _said(words: list[str], capfd: pytest.CaptureFixture[str], code: int = 0) -> str:
    assert run(words) == code
    return capfd.readouterr().out


def test_list_shows_the_newest_first(capfd: pytest.CaptureFixture[str]) -> None:
    lines = _said(["runs", "list"], capfd).splitlines()
    assert [line.split()[:3] for line in lines] == [
        ["runs/b", "done", "better"],
        ["runs/a", "failed", "better"],
    ]
    document = json.loads(_said(["runs", "list", "--json"], capfd))
    assert [item["name"] for item in document["runs"]] == ["b", "a"]


def test_no_runs_is_said(capfd: pytest.CaptureFixture[str]) -> None:
    assert _said(["runs", "list", "--root", "none"], capfd) == "no runs in none\n"


def test_show_takes_a_name(capfd: pytest.CaptureFixture[str]) -> None:
    assert json.loads(_said(["runs", "show", "a", "--json"], capfd))["summary"]["name"] == "a"
    assert "state: done" in _said(["runs", "show", "latest"], capfd)


def test_diff_names_what_differs(capfd: pytest.CaptureFixture[str]) -> None:
    assert "recipe  seed: 0 -> 1" in _said(["runs", "diff", "a", "b"], capfd)
    assert _said(["runs", "diff", "a", "a"], capfd) == "no difference\n"


def test_prune_deletes_only_when_told(capfd: pytest.CaptureFixture[str]) -> None:
    assert "1 run, " in _said(["runs", "prune", "--failed"], capfd)
    assert Path("runs/a").exists()
    document = json.loads(_said(["runs", "prune", "--failed", "--yes", "--json"], capfd))
    assert document["deleted"] is True
    assert not Path("runs/a").exists()
    assert Path("runs/b").exists()
