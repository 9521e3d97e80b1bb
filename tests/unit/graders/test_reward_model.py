"""A reward model as a grader: its score of each completion, and a run it cannot be read from."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from tests import tiny

from luthier.core.errors import LuthierError, RecipeError
from luthier.data.rows import Message, Origin, Preference
from luthier.export._manifest import MANIFEST
from luthier.graders import Answer, Borrower, build_grader
from luthier.graders.contract import Rate, Reader
from luthier.models.bundle import Bundle
from luthier.objectives import objectives
from luthier.run.layout import Layout
from luthier.workflow.reward_model import reward_model


def lender(path: Path) -> Rate:
    """A judge that likes long answers."""
    assert path == Path("runs/judge")
    return lambda answers: [float(len(item.completion)) for item in answers]


ANSWERS = [
    Answer(messages=(Message("user", "Why?"),), completion=text) for text in ("", "so", "so it is")
]


def test_every_completion_gets_the_score_of_the_model() -> None:
    parts = [{"name": "reward_model", "run": "runs/judge", "scale": 0.5}]
    grader = build_grader({"name": "multi", "graders": parts, "combine": "sum"})
    assert isinstance(grader, Borrower)
    grader.lend(lender)
    assert grader.check(ANSWERS) == []
    assert [item.value for item in grader.grade(ANSWERS)] == [0.0, 1.0, 4.0]
    assert grader.bounds() is None


THINKING = tiny.CHATML.replace("message['content'] +", "message['content'].split('</think>')[-1] +")
"""A template that leaves out what was thought, as Qwen3's does where it closes twice."""


def judge(monkeypatch: pytest.MonkeyPatch, *, template: str = "") -> tuple[Any, Bundle]:
    """A reward model, not trained, in the place of the run it would come from."""
    kind = objectives.get("reward")
    bundle = tiny.bundle("bert", labels=("reward",))
    if template:
        bundle = tiny.bundle("llama", labels=("reward",), template=template)
    run = SimpleNamespace(objective=kind(kind.Config()), bundle=bundle)
    monkeypatch.setattr("luthier.workflow.reward_model.Run", lambda _: run)
    return run.objective, bundle


def test_scores_are_those_of_the_answer_in_a_pair(monkeypatch: pytest.MonkeyPatch) -> None:
    objective, bundle = judge(monkeypatch)
    said = [item.completion for item in ANSWERS[1:]]
    pair = Preference(
        origin=Origin("rows.jsonl", 1),
        messages=ANSWERS[0].messages,
        chosen=(Message("assistant", said[0]),),
        rejected=(Message("assistant", said[1]),),
    )
    batch = objective.collate([objective.prepare(pair, bundle.codec, index=0)])
    with torch.no_grad():
        expected = objective.outputs(bundle, batch)[0].tolist()
    assert reward_model(Path("runs/judge"))(ANSWERS[1:]) == pytest.approx(expected, abs=1e-6)


def test_no_answers_get_no_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    judge(monkeypatch)
    assert reward_model(Path("runs/judge"))([]) == []


def test_an_answer_longer_than_the_context_is_judged_by_its_beginning(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _, bundle = judge(monkeypatch)
    grader = build_grader({"name": "reward_model", "run": "runs/judge"})
    assert isinstance(grader, Borrower)
    grader.lend(reward_model)
    context = bundle.facts.context_length
    long = [
        replace(ANSWERS[1], completion="good " * context),
        replace(ANSWERS[1], messages=(Message("user", "why " * 2 * context),)),
    ]
    assert all(math.isfinite(item.value) for item in grader.grade([*ANSWERS[1:], *long]))


def test_a_completion_that_the_template_rewrites_gets_the_lowest_score_and_a_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    judge(monkeypatch, template=THINKING)
    grader = build_grader({"name": "reward_model", "run": "runs/judge"})
    assert isinstance(grader, Borrower)
    grader.lend(reward_model)
    said = ["so", "no </think> yes", "so it is"]
    scores = grader.grade(
        [replace(ANSWERS[0], completion=text, origin="rows.jsonl line 7") for text in said]
    )
    assert [bool(item.problem) for item in scores] == [False, True, False]
    assert scores[1].value == min(scores[0].value, scores[2].value)
    assert "the chat template drops or rewrites part of it" in scores[1].problem
    assert "line" not in scores[1].problem, "the place of the row is told by whoever tells it"
    assert "weight 0" not in scores[1].problem, "the row is innocent"
    alone = grader.grade([replace(ANSWERS[0], completion=said[1])])
    assert (alone[0].value, bool(alone[0].problem)) == (0.0, True)


def test_the_files_are_those_that_name_the_hashes_of_a_run(tmp_path: Path) -> None:
    """Another reward model at the same place is another training."""
    grader = build_grader({"name": "reward_model", "run": str(tmp_path)})
    assert isinstance(grader, Reader)
    layout = Layout(tmp_path)
    assert grader.files() == [layout.model / MANIFEST, layout.adapter / MANIFEST]


def test_without_a_way_to_open_runs_it_says_so() -> None:
    grader = build_grader({"name": "reward_model", "run": "runs/judge"})
    with pytest.raises(RecipeError, match="nothing here can open runs"):
        grader.check(ANSWERS)


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    tiny.folder(tmp_path / "model")
    grader = build_grader({"name": "reward_model", "run": str(tmp_path / "model")})
    assert isinstance(grader, Borrower)
    grader.lend(reward_model)
    with pytest.raises(LuthierError, match="is no run directory"):
        grader.check(ANSWERS)
