"""Two runs compared from their files: same rows, or a refusal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from luthier.core.errors import RunError
from luthier.evaluation.compare import compare
from luthier.run.layout import Layout
from luthier.run.reader import RunFiles


def run(name: str, scores: list[float], *, metric: str = "exact_match", first: int = 0) -> RunFiles:
    lines: list[dict[str, Any]] = [
        {
            "row": index,
            "origin": f"t.jsonl line {index + 1}",
            "key": f"key{index + first}",
            "target": "x",
            "answers": {"tuned": {"text": "x", "scores": {metric: score}, "weight": {metric: 1.0}}},
        }
        for index, score in enumerate(scores)
    ]
    evaluation = {"verdict": {"metric": metric}, "details": {}}
    return RunFiles(Layout(Path(name)), evaluation=evaluation, predictions=lines)


def test_the_difference_is_the_second_minus_the_first() -> None:
    found = compare(run("a", [0.0] * 20 + [1.0] * 20), run("b", [1.0] * 35 + [0.0] * 5))
    assert found["outcome"] == "better"
    assert found["difference"] == pytest.approx(15 / 40)
    assert (len(found["fixed"]), len(found["broken"])) == (20, 5)
    assert "b is better" in found["words"]


def test_a_lower_nll_is_better() -> None:
    a = run("a", [2.0, 2.1, 1.9, 2.2] * 5, metric="nll")
    b = run("b", [1.0, 1.2, 1.1, 0.9] * 5, metric="nll")
    assert compare(a, b)["outcome"] == "better"
    assert compare(b, a)["outcome"] == "worse"


def test_a_run_is_no_different_from_itself() -> None:
    a = run("a", [1.0, 0.0, 1.0])
    assert compare(a, a)["outcome"] == "no_evidence"


def test_different_rows_are_refused_with_counts() -> None:
    with pytest.raises(
        RunError, match="1 stand only in the first, 1 only in the second, 2 in both"
    ):
        compare(run("a", [1.0] * 3), run("b", [1.0] * 3, first=1))


def test_a_run_without_evidence_is_refused_with_the_command() -> None:
    with pytest.raises(RunError, match="luthier evaluate a"):
        compare(RunFiles(Layout(Path("a"))), run("b", [1.0]))
