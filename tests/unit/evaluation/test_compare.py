"""Two runs compared from their files: same rows, or a refusal."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from luthier.cli.commands.compare import show
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
    assert "50.0 % with a, 87.5 % with b" in found["words"]
    assert found["words"].endswith("b is better.")
    assert (found["runs"], found["values"]) == (["a", "b"], [0.5, 0.875])


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


@pytest.mark.parametrize("saved", ["adapter", "model"])
def test_a_run_without_evidence_is_refused_with_the_command(saved: str, tmp_path: Path) -> None:
    (tmp_path / saved).mkdir()
    with pytest.raises(RunError, match=f"not evaluated yet. Run: luthier evaluate {tmp_path}"):
        compare(RunFiles(Layout(tmp_path)), run("b", [1.0]))


def test_a_run_that_was_stopped_before_anything_was_trained_is_to_be_continued(
    tmp_path: Path,
) -> None:
    with pytest.raises(RunError, match=f"nothing was trained yet.* luthier train {tmp_path}"):
        compare(run("b", [1.0]), RunFiles(Layout(tmp_path)))


def test_runs_of_one_name_go_by_their_folders() -> None:
    a, b = run("runs/a", [1.0] * 20), run("runs/b", [1.0] * 20)
    a, b = (replace(item, summary={"name": "demo"}) for item in (a, b))
    found = compare(a, b)
    assert (found["runs"], found["against"]) == (["runs/a", "runs/b"], "runs/a")
    assert "100.0 % with runs/a, 100.0 % with runs/b" in found["words"]


def test_the_confidence_is_that_of_the_first_run() -> None:
    old, new = [0.0] * 20 + [1.0] * 20, [1.0] * 26 + [0.0] * 4 + [1.0] * 10
    sure = {"recipe": {"evaluation": {"confidence": 0.999999}}}
    assert compare(run("a", old), run("b", new))["outcome"] == "better"
    found = compare(replace(run("a", old), resolved=sure), run("b", new))
    assert (found["confidence"], found["outcome"]) == (0.999999, "no_evidence")


def test_few_rows_are_said_to_be_too_few() -> None:
    found = compare(run("a", [0.0] * 8), run("b", [1.0] * 8))
    assert found["outcome"] == "no_evidence"
    assert "Too few test rows" in found["words"]


def test_rows_are_not_said_to_be_alike_where_they_have_no_figure_of_their_own(
    capsys: pytest.CaptureFixture[str],
) -> None:
    show(compare(run("a", [0.0] * 40), run("b", [0.0] * 40)) | {"difference": 0.4, "n": 40})
    assert capsys.readouterr().out.splitlines()[-1] == "  rows        40"


def test_the_terminal_shows_both_runs_and_the_interval(capsys: pytest.CaptureFixture[str]) -> None:
    show(compare(run("a", [0.0] * 20 + [1.0] * 20), run("b", [1.0] * 35 + [0.0] * 5)))
    lines = capsys.readouterr().out.splitlines()
    assert "  a           50.0 %" in lines
    assert "  b           87.5 %" in lines
    assert any(line.startswith("  difference  +37.5 points (+") for line in lines)
    assert "  rows        40: 20 answered better, 5 worse" in lines
