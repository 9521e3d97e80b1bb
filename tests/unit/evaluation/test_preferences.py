"""Preferences and thumbs, judged against what is known without training."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.unit.evaluation import subjects

from luthier.data.rows import Message, Origin, Preference, Rated, Row
from luthier.evaluation.evaluate import Subject, evaluate
from luthier.evaluation.predict import predict
from luthier.evaluation.results import Evaluation
from luthier.objectives._pairs import say
from luthier.recipe.schema import EvaluationSection


def turn(role: Any, text: str) -> tuple[Message, ...]:
    return (Message(role, text),)


def pairs(num_rows: int) -> list[Row]:
    """Every third time the longer answer is preferred."""
    rows: list[Row] = []
    for line in range(num_rows):
        short, long = turn("assistant", f"it is {line}"), turn("assistant", f"no it is not {line}")
        both = (long, short) if line % 3 == 0 else (short, long)
        rows.append(
            Preference(
                origin=Origin("p.jsonl", line + 1),
                messages=turn("user", f"what is {line}"),
                chosen=both[0],
                rejected=both[1],
            )
        )
    return rows


def thumbs(num_rows: int) -> list[Row]:
    return [
        Rated(
            origin=Origin("t.jsonl", line + 1),
            messages=(
                *turn("user", f"what is {line}"),
                *turn("assistant", f"it is {line}" if line % 2 else f"no it is not {line} at all"),
            ),
            is_good=bool(line % 2),
        )
        for line in range(num_rows)
    ]


def judged(subject: Subject) -> Evaluation:
    section = EvaluationSection(num_resamples=100, max_new_tokens=4, retention=False)
    return evaluate(subject, section=section, on_event=lambda _event: None)


def margins(subject: Subject) -> list[float]:
    """How far training moved each test row's chosen answer ahead of the other, one by one."""
    found: list[float] = []
    for index, row in enumerate(subject.test):
        features = subject.objective.prepare(row, subject.bundle.codec, index=index)
        batch = subject.objective.collate([features])
        with torch.no_grad():
            now = say(subject.bundle, batch).logprobs_S
            with subject.base() as base:
                before = say(base, batch).logprobs_S
        moved = now - before
        found.append(float(moved[0] - moved[1]))
    return found


def test_pairs_are_told_by_what_training_moved_and_by_length(tmp_path: Path) -> None:
    subject = subjects.subject(tmp_path, pairs(30), objective="dpo", move=0.2)
    found = judged(subject)
    assert set(found.arms) == {"base", "by_length", "tuned"}
    assert found.verdict.metric == "preference_accuracy"
    right = np.mean([margin > 0 for margin in margins(subject)])
    assert found.arms["tuned"]["preference_accuracy"].value == pytest.approx(right)
    base = found.arms["base"]
    assert base["preference_accuracy"].value == base["likelihood_accuracy"].value
    # the shorter one was chosen twice as often in training: 4 of the 6 test rows
    assert found.arms["by_length"]["preference_accuracy"].value == pytest.approx(4 / 6)
    assert "likelihood_accuracy" not in found.arms["by_length"]
    assert found.details["notes"]["by_length"]["what"] == "always preferring the shorter answer"


def test_new_rows_are_judged_as_the_evaluation_judges(tmp_path: Path) -> None:
    subject = subjects.subject(tmp_path, pairs(30), objective="dpo", move=0.2)
    evaluated = [margin > 0 for margin in margins(subject)]
    found = predict(
        subject.bundle, subject.objective, subject.test, reference=subject.compared_with
    )
    assert [item["preferred"] == "chosen" for item in found] == evaluated
    moved = [item["chosen_score"] - item["rejected_score"] for item in found]
    assert moved == pytest.approx(margins(subject), abs=1e-3)
    likelier = predict(subject.bundle, subject.objective, subject.test)
    assert [item["chosen_score"] - item["rejected_score"] for item in likelier] != moved


def test_what_it_was_trained_against_reads_the_same_tokens(tmp_path: Path) -> None:
    subject = subjects.subject(tmp_path, pairs(30), objective="dpo", tuner="full")
    subject.bundle = replace(subject.bundle, codec=subject.bundle.codec.plain())
    with subject.compared_with() as before, subject.base() as base:
        assert before.codec.is_plain
        assert base.codec.is_plain


def test_base_and_tuned_model_write_answers_to_be_read_side_by_side(tmp_path: Path) -> None:
    found = judged(subjects.subject(tmp_path, pairs(30), objective="simpo", move=0.2))
    for arm in ("base", "tuned"):
        texts = [answer.text for answer in found.answers[arm]]
        assert ["its own answer" in text for text in texts] == [True] * 4 + [False] * 2
    assert all(answer.text.startswith(("chosen", "rejected")) for answer in found.answers["tuned"])


def test_thumbs_are_told_by_a_threshold_of_the_training_rows(tmp_path: Path) -> None:
    found = judged(subjects.subject(tmp_path, thumbs(40), objective="kto", move=0.2))
    assert {"majority", "tfidf", "base", "tuned"} <= set(found.arms)
    # bad answers are longer, so the untrained model finds them less likely: the threshold sees it
    assert found.arms["base"]["accuracy"].value == 1.0
    assert len(found.details["notes"]["tuned"]["own_answers"]) == 4


def test_rows_without_answers_are_answered_and_rows_with_answers_judged(tmp_path: Path) -> None:
    subject = subjects.subject(tmp_path, pairs(12), objective="dpo")
    both = subject.test[0]
    assert isinstance(both, Preference)
    alone = Preference(origin=both.origin, messages=both.messages, chosen=(), rejected=())
    found = predict(subject.bundle, subject.objective, [alone, both], max_new_tokens=3)
    assert set(found[0]) == {"answer", "finished"}
    assert set(found[1]) == {"preferred", "chosen_score", "rejected_score"}
    better = found[1]["chosen_score"] > found[1]["rejected_score"]
    assert found[1]["preferred"] == ("chosen" if better else "rejected")
