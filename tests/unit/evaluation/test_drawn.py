"""Which training rows the untrained opponent is fitted to, and what is said of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.evaluation import subjects

from luthier.data.rows import Labeled, Multilabeled, Origin, Row, Scored, Tagged
from luthier.evaluation.evaluate import evaluate
from luthier.evaluation.tasks import label
from luthier.evaluation.tasks._drawn import fitted_to, some
from luthier.recipe.schema import EvaluationSection

AT = Origin("a", 1)


def labelled(num_rows: int, *, rare: int) -> list[Row]:
    names = ["fraud"] * rare + ["fine"] * (num_rows - rare)
    return [Labeled(origin=AT, text=str(at), label=name) for at, name in enumerate(names)]


@pytest.mark.parametrize("seed", range(5))
def test_no_class_is_missing_among_rows_that_are_drawn(seed: int) -> None:
    rows = labelled(900, rare=1)
    drawn = some(rows, 20, seed=seed)
    assert len(drawn) == 20
    assert {row.target() for row in drawn} == {"fraud", "fine"}
    assert drawn == [row for row in rows if row in drawn]
    assert drawn == some(rows, 20, seed=seed)


def test_no_tag_and_no_label_of_several_is_missing() -> None:
    words = [Tagged(origin=AT, tokens=("a", str(at)), tags=("O", "O")) for at in range(90)]
    words.append(Tagged(origin=AT, tokens=("Ada", "King"), tags=("B-name", "I-name")))
    drawn = some(words, 21, seed=0, size=lambda row: len(row.tokens))
    assert len(drawn) == 10
    assert words[-1] in drawn
    labels = [Multilabeled(origin=AT, text=str(at), labels=()) for at in range(90)]
    labels.append(Multilabeled(origin=AT, text="x", labels=("rare",)))
    assert labels[-1] in some(labels, 5, seed=0)


def test_as_many_rows_as_are_allowed_are_all_taken() -> None:
    rows = [Scored(origin=AT, text=str(at), score=at) for at in range(7)]
    assert some(rows, 7, seed=0) == rows
    assert fitted_to(rows, rows) == ""
    assert fitted_to(rows[:2], rows) == ", fitted to 2 of 7 training rows"


def test_an_opponent_that_saw_a_part_of_the_rows_is_called_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    subject = subjects.subject(tmp_path, subjects.labeled(45), objective="classify", num_test=12)
    section = EvaluationSection(num_resamples=100, retention=False, arms=["base"])

    def words() -> str:
        return evaluate(subject, section=section, on_event=lambda _event: None).verdict.words

    assert "fitted to" not in words()
    monkeypatch.setattr(label, "MAX_FITTED", 9)
    assert "untrained model's features, fitted to 9 of 33 training rows." in words()
