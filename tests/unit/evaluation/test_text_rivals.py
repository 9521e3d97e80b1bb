"""Cheap rivals of several labels and of answers in texts."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
from sklearn.metrics import f1_score

from luthier.data.rows import Multilabeled, Origin, Question, Row, Span
from luthier.evaluation.arms import arms
from luthier.evaluation.bench import Bench
from luthier.evaluation.frame import frame_of
from luthier.evaluation.metrics import metrics
from luthier.evaluation.outcome import Outcome

AT = Origin("a", 1)


def bench(train: Sequence[Row], rows: Sequence[Row]) -> Bench:
    subject = SimpleNamespace(train=list(train), seed=0)
    frame = frame_of(train, rows)
    return cast("Bench", SimpleNamespace(rows=rows, subject=subject, frame=frame, notes={}))


def value(name: str, found: list[Outcome], held: Bench) -> float:
    metric = metrics.get(name)()
    return float(metric.reduce(metric.table(found, held.frame).sum(0)))


# --- several labels ------------------------------------------------------------------------------


def labelled(*labels: str) -> Multilabeled:
    return Multilabeled(origin=AT, text="x", labels=labels)


@pytest.mark.parametrize("seed", range(5))
def test_no_constant_answer_has_a_higher_f1_than_the_frequent_labels(seed: int) -> None:
    draws = np.random.default_rng(seed)
    chances = draws.uniform(0.05, 0.7, 5)
    table = draws.uniform(size=(40, 5)) < chances
    table[0, 0] = True
    names = "abcde"
    rows = [labelled(*(names[at] for at in np.flatnonzero(line))) for line in table]
    held = bench(rows, rows)
    ours = value("label_f1", arms.get("frequent_labels")().outcomes(held), held)
    others = [
        f1_score(table, np.tile(np.isin(range(5), chosen), (40, 1)), average="micro")
        for size in range(1, 6)
        for chosen in combinations(range(5), size)
    ]
    assert ours == pytest.approx(max(others))


def test_the_frequent_labels_are_those_of_training_rows() -> None:
    held = bench([labelled("a"), labelled("a"), labelled("b", "a")], [labelled("b"), labelled("b")])
    arm = arms.get("frequent_labels")()
    assert [item.text for item in arm.outcomes(held)] == ['["a"]'] * 2
    assert held.notes["frequent_labels"] == {"labels": "a"}
    assert arm.missing(bench([labelled()], [labelled("b")])) == "no training row has a label"


# --- answers -------------------------------------------------------------------------------------

PLACES = (("Ada", "Bonn"), ("Eve", "Rome"), ("Max", "Oslo"), ("Ann", "Riga"), ("Tom", "Bern"))


def question(name: str, city: str, *, known: bool = True) -> Question:
    context = (
        f"Long ago there was nothing here. {name} inhabits {city} now. Nobody asks why at all."
    )
    if not known:
        return Question(origin=AT, question="Who painted seven horses", context=context)
    span = Span(context.index(city), city)
    return Question(origin=AT, question=f"{name} inhabits where", context=context, answers=(span,))


def test_what_stands_near_the_words_of_the_question_is_found() -> None:
    rows = [question(*place) for place in PLACES]
    held = bench(rows, rows)
    found = arms.get("near_words")().outcomes(held)
    assert value("answer_f1", found, held) == 1.0
    assert held.notes["near_words"]["words"] == 1


def test_silence_is_learned_from_questions_without_an_answer() -> None:
    rows = [question(*place, known=known) for place in PLACES for known in (True, False)]
    held = bench(rows, rows)
    found = arms.get("near_words")().outcomes(held)
    assert [item.text == "" for item in found] == [False, True] * 5
    assert value("answer_match", found, held) == 1.0


def test_without_unanswered_training_questions_it_is_never_silent() -> None:
    rows = [question(*place) for place in PLACES]
    other = Question(origin=AT, question="Who painted seven horses", context=rows[0].context)
    (said,) = arms.get("near_words")().outcomes(bench(rows, [other]))
    assert said.text


def test_a_text_without_words_has_no_answer() -> None:
    held = bench([question(*PLACES[0])], [Question(origin=AT, question="who", context="?!")])
    assert arms.get("near_words")().outcomes(held)[0].text == ""
