"""From a file of prompts to a run that learned from scores: what is kept, and what stops it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests import tiny

from luthier.core.errors import DataError, RecipeError, RunError
from luthier.core.events import Event, Notice
from luthier.run import rollouts
from luthier.workflow.api import train
from luthier.workflow.run import Run


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    tiny.folder(tmp_path / "model")
    lines = [{"prompt": f"what is {n} and {n * 7}?", "reference": str(n)} for n in range(40)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return tmp_path


def recipe(desk: Path, **objective: Any) -> dict[str, Any]:
    return {
        "model": str(desk / "model"),
        "data": {"train": str(desk / "rows.jsonl"), "test_share": 0.3},
        "objective": {
            "name": "grpo",
            "grader": {"name": "length", "unit": "characters", "most": 2, "fade": 40},
            "group_size": 2,
            "max_new_tokens": 4,
            **objective,
        },
        "tuner": {"name": "lora", "rank": 4},
        "training": {"max_steps": 3, "batch_size": 2, "evaluate_every": 0},
        "evaluation": {"retention": False},
    }


def test_a_run_keeps_what_was_said_and_is_judged_by_the_score(desk: Path) -> None:
    run = train(recipe(desk), out=desk / "run")
    said = rollouts.read(run.layout.rollouts)
    assert [line["step"] for line in said] == [step for step in (1, 2, 3) for _ in range(4)]
    assert run.evaluation is not None
    assert run.evaluation["verdict"]["metric"] == "score"
    assert set(run.evaluation["arms"]) == {"base", "tuned"}
    updates = run.files.events("updated")
    assert {"reward", "kl", "entropy", "truncated_share"} <= set(updates[-1]["metrics"])
    (preflight,) = run.files.events("preflight")
    assert preflight["seconds"] > 3 * preflight["details"]["seconds_exploring"] > 0
    assert "Reward" in run.layout.report.read_text()
    assert run.predict([{"prompt": "what is 3?"}])[0].keys() == {"answer", "finished"}


def test_a_grader_without_numbers_is_refused_before_training(desk: Path) -> None:
    (desk / "mine.py").write_text("def grade(completion, row): return float('nan')")
    grader = {"name": "python", "path": str(desk / "mine.py")}
    with pytest.raises(DataError, match="grader 'python' scored nan for the completion"):
        train(recipe(desk, grader=grader), out=desk / "run")
    assert not (desk / "run" / "checkpoints").exists()


@pytest.mark.parametrize("part", [False, True], ids=["alone", "in a combination"])
def test_a_run_is_not_continued_with_another_grader(desk: Path, part: bool) -> None:
    code = "def grade(completion, row): return len(completion) / {}"
    (desk / "mine.py").write_text(code.format(10))
    grader: dict[str, Any] = {"name": "python", "path": str(desk / "mine.py")}
    if part:
        grader = {"name": "multi", "graders": [grader, {"name": "length", "most": 9}]}
    train(recipe(desk, grader=grader), out=desk / "run")
    (desk / "mine.py").write_text(code.format(20))
    with pytest.raises(RunError, match=r"mine\.py changed"):
        train(recipe(desk, grader=grader), out=desk / "run")
    (desk / "mine.py").write_text(code.format(10))
    train(recipe(desk, grader=grader), out=desk / "run")


def test_a_constant_grader_is_named_before_training(desk: Path) -> None:
    heard: list[Event] = []
    grader = {"name": "regex", "pattern": ".*"}
    train(recipe(desk, grader=grader), out=desk / "run", on_event=heard.append)
    warnings = [item.text for item in heard if isinstance(item, Notice) and item.level == "warning"]
    assert any("is constant: every completion scores 1" in text for text in warnings)
    assert any("of these answers were cut at objective.max_new_tokens" in text for text in warnings)


def test_what_a_grader_does_not_take_is_said_with_its_place(desk: Path) -> None:
    with pytest.raises(RecipeError, match=r"objective.grader.mesure: unknown key"):
        train(recipe(desk, grader={"name": "similarity", "mesure": "edit"}), out=desk / "run")


def test_a_finished_run_knows_its_grader(desk: Path) -> None:
    train(recipe(desk, name="ppo", group_size=2) | {"objective": {
        "name": "ppo", "grader": {"name": "similarity"}, "max_new_tokens": 4, "updates": 2,
    }}, out=desk / "run")  # fmt: skip
    assert Run(desk / "run").objective.config.grader == {"name": "similarity"}
