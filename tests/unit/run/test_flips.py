"""Rows that tuning changed, as the report tells them."""

from __future__ import annotations

from pathlib import Path

import pytest

from luthier.run.layout import Layout
from luthier.run.reader import RunFiles
from luthier.run.report.flips import flips_of


@pytest.mark.parametrize(("scores", "is_graded"), [((0.0, 1.0), False), ((0.25, 0.75), True)])
def test_degrees_are_told_from_right_and_wrong(
    scores: tuple[float, float], *, is_graded: bool
) -> None:
    answers = {
        arm: {"text": "x", "scores": {"json_fields": score}}
        for arm, score in zip(("base", "tuned"), scores, strict=True)
    }
    run = RunFiles(
        Layout(Path("run")),
        evaluation={
            "verdict": {"metric": "json_fields", "against": "base", "outcome": "no_evidence"},
            "flips": {"fixed": [0], "broken": []},
        },
        predictions=[{"row": 0, "origin": "t line 1", "answers": answers}],
    )
    found = flips_of(run)
    assert found is not None
    assert (found.is_graded, found.num_fixed) == (is_graded, 1)
