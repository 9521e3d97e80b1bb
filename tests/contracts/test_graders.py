"""Properties that every grader has, whatever it looks at."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from luthier.core.config import ComponentConfig
from luthier.data.rows import Message
from luthier.graders import Answer, Grader, build_grader, check_grader, graders

SETTINGS: dict[str, dict[str, Any]] = {
    "regex": {"pattern": r"\d+"},
    "json_schema": {"rules": {"type": "object"}},
    "multi": {"graders": [{"name": "exact"}, {"name": "length"}]},
    "judge": {"model": "m"},
    "reward_model": {"run": "runs/judge"},
}
ELSEWHERE = {"judge", "reward_model"}
"""These ask a server or a run, and have tests of their own."""
LOCAL = [name for name in graders.names() if name not in ELSEWHERE]
SAID = ("7", "It is 7.", "", '{"a": 7}', "seven\n\n  7  ", "\x00 \u00e9\u4e2d\U0001f600", "7" * 500)
ANSWERS = [
    Answer(
        messages=(Message("system", "Be brief."), Message("user", "3 + 4?")),
        completion=text,
        reference="7",
        fields={"level": 1},
        origin=f"rows.jsonl line {n + 1}",
    )
    for n, text in enumerate(SAID)
]


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, dict[str, Any]]:
    file = tmp_path / "mine.py"
    file.write_text("def grade(completion, row): return len(completion) + row['level']")
    return {**SETTINGS, "python": {"path": str(file)}}


@pytest.fixture
def grader(
    request: pytest.FixtureRequest, settings: dict[str, dict[str, Any]]
) -> Generator[Grader]:
    found = build_grader({"name": request.param, **settings.get(request.param, {})})
    yield found
    found.close()


def each(names: list[str]) -> Any:
    return pytest.mark.parametrize("grader", names, indirect=True)


@pytest.mark.parametrize("name", graders.names())
def test_a_grader_declares_its_facts(name: str) -> None:
    kind = graders.get(name)
    assert issubclass(kind.Config, ComponentConfig)
    assert kind.needs_reference in {True, False}
    assert kind.__doc__


@each(LOCAL)
def test_every_completion_gets_a_finite_score_within_the_bounds(grader: Grader) -> None:
    check_grader(grader, ANSWERS)
    scores = grader.grade(ANSWERS)
    assert len(scores) == len(ANSWERS)
    low, high = grader.bounds() or (float("-inf"), float("inf"))
    assert all(low <= score.value <= high for score in scores)
    assert not any(score.problem for score in scores)


@each(LOCAL)
def test_a_score_does_not_depend_on_the_completions_beside_it(grader: Grader) -> None:
    together = [score.value for score in grader.grade(ANSWERS)]
    alone = [grader.grade([answer])[0].value for answer in reversed(ANSWERS)]
    assert alone[::-1] == together


@each(LOCAL)
def test_nothing_to_grade_gives_no_scores(grader: Grader) -> None:
    assert grader.grade([]) == []


@each(graders.names())
def test_it_may_be_closed_twice_and_used_again(grader: Grader) -> None:
    grader.close()
    grader.close()
    if type(grader).__module__.rpartition(".")[2] in LOCAL:
        assert len(grader.grade(ANSWERS[:1])) == 1
