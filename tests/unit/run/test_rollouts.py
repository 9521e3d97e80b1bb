"""Completions that were learned from: appended, read back, and forgotten with their step."""

from __future__ import annotations

from pathlib import Path

from luthier.core.events import Explored
from luthier.run import rollouts
from luthier.run.layout import Layout
from luthier.run.writer import RunWriter


def explored(step: int, *texts: str) -> Explored:
    lines = tuple({"completion": text, "score": float("nan")} for text in texts)
    return Explored(step, lines, {"reward": 0.5})


def test_a_run_keeps_what_was_said_until_it_is_rewound(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "run")
    with RunWriter(layout) as writer:
        writer(explored(1, "a", "b"))
        writer(explored(2, "c"))
        assert [line["completion"] for line in rollouts.read(layout.rollouts)] == ["a", "b", "c"]
        writer.rewind(1)
        writer(explored(2, "d"))
    found = rollouts.read(layout.rollouts)
    assert [(line["step"], line["completion"]) for line in found] == [(1, "a"), (1, "b"), (2, "d")]
    assert found[0]["score"] is None


def test_half_a_line_of_a_killed_run_is_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "rollouts.jsonl"
    rollouts.append(path, 1, [{"completion": "a"}])
    with path.open("a") as file:
        file.write('{"step": 1, "comp')
    assert len(rollouts.read(path)) == 1
    rollouts.keep(path, lambda step: step <= 1)
    rollouts.append(path, 2, [{"completion": "b"}])
    assert [line["step"] for line in rollouts.read(path)] == [1, 2]


def test_there_are_none_in_other_runs(tmp_path: Path) -> None:
    rollouts.keep(tmp_path / "none.jsonl", lambda _: False)
    assert rollouts.read(tmp_path / "none.jsonl") == []
