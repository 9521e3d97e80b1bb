"""A grader is tried on a file of rows: scores, examples, and what stands against it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests import tiny

from luthier.cli.main import run
from luthier.core.errors import DataError, RecipeError
from luthier.workflow.grade import Sampling, grade_file, section_of


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    lines = [
        {"prompt": f"{n} + 1?", "reference": str(n + 1), "said": f"It is {n + n % 2}."}
        for n in range(12)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def graded(rows: Path, **settings: Any) -> dict[str, Any]:
    return grade_file(section_of(rows, {}), settings, completion="said", sampling=Sampling())


def test_completions_of_a_column_are_scored(rows: Path, tmp_path: Path) -> None:
    out = tmp_path / "scores.jsonl"
    settings = {"name": "number"}
    found = grade_file(
        section_of(rows, {}), settings, completion="said", sampling=Sampling(), output=out
    )
    assert (found["num"], found["mean"], found["right_answers_mean"]) == (12, 0.5, 1.0)
    assert found["counts"] == {"0": 6, "1": 6}
    assert found["findings"] == []
    assert [example["score"] for example in found["examples"]] == [0.0, 1.0, 1.0]
    line = json.loads(out.read_text().splitlines()[1])
    assert (line["completion"], line["score"]) == ("It is 2.", 1.0)


def test_a_constant_grader_is_named(rows: Path) -> None:
    found = graded(rows, name="regex", pattern="It")
    assert [item["kind"] for item in found["findings"]] == ["constant"]


def test_a_python_file_that_gives_nan_or_fails_is_named_with_its_row(
    rows: Path, tmp_path: Path
) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        "def grade(c, row):\n"
        "    if row['prompt'].startswith('3'):\n"
        "        return float('nan')\n"
        "    return 1 / int(row['prompt'][0])\n"
    )
    found = graded(rows, name="python", path=str(file))
    texts = {item["kind"]: item["text"] for item in found["findings"]}
    assert "rows.jsonl line 1: " in texts["failing"]
    assert "mine.py line 4: ZeroDivisionError" in texts["failing"]
    assert "rows.jsonl line 4" in texts["not a number"]


def test_a_model_writes_completions(rows: Path, tmp_path: Path) -> None:
    folder = tiny.folder(tmp_path / "model")
    found = grade_file(
        section_of(rows, {}),
        {"name": "length", "unit": "tokens", "most": 3, "fade": 4},
        model=str(folder),
        sampling=Sampling(samples=3, max_new_tokens=6),
        max_rows=4,
    )
    assert (found["num"], found["rows"]) == (12, 4)


def test_right_answers_have_no_tokens_to_count_wherever_these_are_asked_for(
    rows: Path, tmp_path: Path
) -> None:
    part: dict[str, Any] = {"name": "length", "unit": "tokens"}
    for _ in range(2):
        part = {"name": "multi", "graders": [part]}
    model, sampling = str(tiny.folder(tmp_path / "model")), Sampling(samples=1, max_new_tokens=2)
    section = section_of(rows, {})
    found = grade_file(section, part, model=model, sampling=sampling, max_rows=2)
    assert found["num"] == 2
    assert "right_answers_mean" not in found


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "say either --completion COLUMN"),
        ({"completion": "sayd"}, r"line 1: column 'sayd' .*did you mean 'said'"),
    ],
)
def test_what_is_missing_is_said(rows: Path, settings: dict[str, str], message: str) -> None:
    with pytest.raises((RecipeError, DataError), match=message):
        grade_file(section_of(rows, {}), {"name": "exact"}, sampling=Sampling(), **settings)


def test_the_command_shows_scores_and_leaves_with_a_finding(
    rows: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["grade", str(rows), "--completion", "said", "--grader"]
    assert run([*words, "number", "grader.take=first"]) == 0
    assert "nothing stands against" in capsys.readouterr().out
    assert run([*words, "regex", "grader.pattern=It is .+"]) == 1
    assert "the grader is constant: every completion scores 1" in capsys.readouterr().out
    assert run([*words, "regex", "grader.patern=x"]) == 2
    assert "did you mean 'pattern'" in capsys.readouterr().err


def test_a_column_of_another_name_is_told_as_in_a_recipe(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"prompt": "1 + 1?", "nth": "2", "said": "2"}\n')
    words = ["grade", str(rows), "--completion", "said", "--grader", "exact"]
    assert run(words) == 2
    assert "data.columns = {reference: NAME}" in capsys.readouterr().err
    run([*words, "data.columns={reference: nth}"])
    assert "the right answers themselves score" in capsys.readouterr().err
    assert run([*words, "data.colums={reference: nth}"]) == 2
    assert "did you mean 'columns'" in capsys.readouterr().err
