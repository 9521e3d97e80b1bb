"""The whole evidence on tiny models: arms, metrics, verdict, retention, documents."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests import tiny
from tests.unit.evaluation import subjects

from luthier.core.errors import DataError, RecipeError
from luthier.core.events import Event, Progress
from luthier.data.rows import Row
from luthier.evaluation.evaluate import Subject, document, evaluate
from luthier.evaluation.predict import predict
from luthier.evaluation.results import Evaluation
from luthier.recipe.schema import EvaluationSection


def judged(subject: Subject, **settings: Any) -> tuple[Evaluation, list[Event]]:
    told: list[Event] = []
    settings = {"num_resamples": 200, "max_new_tokens": 6, "retention": False} | settings
    section = EvaluationSection(**settings)
    return evaluate(subject, section=section, on_event=told.append), told


def test_conversations_are_answered_by_every_arm_and_the_document_is_json(tmp_path: Path) -> None:
    subject = subjects.subject(tmp_path, subjects.json_chats(30), objective="sft")
    found, told = judged(subject, retention=True)
    assert set(found.arms) == {"majority", "tfidf", "base", "prompted", "few_shot", "tuned"}
    assert {"json_fields", "json_valid", "exact_match", "nll"} <= set(found.arms["tuned"])
    assert found.verdict.metric == "json_fields"
    assert found.verdict.n == 6
    assert any(isinstance(event, Progress) and event.done == event.total for event in told)
    written = json.loads(json.dumps(document(found), allow_nan=False))
    assert written["arms"]["base"]["nll"].keys() == {"value", "low", "high", "n"}
    assert written["retention"]["kl_to_base"]["tuned"]["value"] == 0.0


def test_helped_arms_are_scored_by_nll_only_where_the_verdict_rests_on_it(tmp_path: Path) -> None:
    subject = subjects.subject(tmp_path, subjects.json_chats(30), objective="sft")
    plain, asked = judged(subject)[0], judged(subject, metric="nll")[0]
    assert {arm for arm, found in plain.arms.items() if "nll" in found} == {"base", "tuned"}
    models = {"base", "prompted", "few_shot", "tuned"}
    assert {arm for arm, found in asked.arms.items() if "nll" in found} == models


def test_an_untrained_adapter_is_never_called_better(tmp_path: Path) -> None:
    subject = subjects.subject(tmp_path, subjects.json_chats(30), objective="sft")
    found, _ = judged(subject)
    assert found.verdict.outcome == "no_evidence"
    assert found.arms["tuned"] == found.arms["base"] | {"nll": found.arms["tuned"]["nll"]}
    assert found.arms["tuned"]["nll"] == found.arms["base"]["nll"]


def test_the_base_arm_is_the_model_before_tuning(tmp_path: Path) -> None:
    still = subjects.subject(tmp_path, subjects.json_chats(20), objective="sft")
    moved = subjects.subject(tmp_path, subjects.json_chats(20), objective="sft", move=0.3)
    before, after = judged(still, arms=["base"])[0], judged(moved, arms=["base"])[0]
    assert before.arms["base"] == after.arms["base"]
    assert before.arms["tuned"] != after.arms["tuned"]


def test_a_tuner_that_keeps_no_base_has_it_opened_once_and_let_go(tmp_path: Path) -> None:
    rows = subjects.json_chats(20)
    subject = subjects.subject(tmp_path, rows, objective="sft", tuner="full", move=0.3)
    opened: list[int] = []
    open_base = subject.open_base
    assert open_base is not None

    def counted() -> Any:
        opened.append(1)
        return open_base()

    subject.open_base = counted
    found, _ = judged(subject, retention=True)
    assert opened == [1]
    assert subject.opened == []
    assert found.retention["kl_to_base"]["tuned"]["value"] > 0
    lora = subjects.subject(tmp_path, rows, objective="sft")
    assert judged(lora, arms=["base"])[0].arms["base"] == found.arms["base"]


def test_few_shot_shows_training_rows_only_and_says_which(tmp_path: Path) -> None:
    subject = subjects.subject(tmp_path, subjects.json_chats(30), objective="sft")
    found, _ = judged(subject, num_shots=2)
    shown = {item["row"] for item in found.details["notes"]["few_shot"]["examples"]}
    assert 1 <= len(shown) <= 2
    assert shown <= {str(row.origin) for row in subject.train}
    assert '"colour": one of "blue", "green", "red"' in found.details["prompts"]["prompted"]


def test_classifiers_meet_cheap_rivals_and_report_classes(tmp_path: Path) -> None:
    subject = subjects.subject(tmp_path, subjects.labeled(45), objective="classify", num_test=12)
    found, _ = judged(subject)
    assert set(found.arms) == {"majority", "tfidf", "base", "tuned"}
    assert found.arms["tfidf"]["accuracy"].value == 1.0
    assert found.arms["majority"]["accuracy"].value == pytest.approx(1 / 3)
    assert found.verdict.against == "base"
    assert "a simple classifier on the untrained model's features" in found.verdict.words
    assert "the same model without training" not in found.verdict.words
    assert all(sum(item.probabilities) == pytest.approx(1) for item in found.answers["majority"])
    assert "word-counting classifier" in found.verdict.words
    assert set(found.details["classes"]) == set(subjects.COLOURS)
    assert sum(map(sum, found.details["confusion"]["counts"])) == 12
    assert sum(item["n"] for item in found.details["calibration"]["bins"]) == 12
    assert all(sum(item.probabilities) == pytest.approx(1) for item in found.answers["tuned"])


def test_running_text_is_judged_by_nll(tmp_path: Path) -> None:
    subject = subjects.subject(tmp_path, subjects.texts(12), objective="lm", move=0.2)
    found, _ = judged(subject)
    assert set(found.arms) == {"base", "tuned"}
    assert found.verdict.metric == "nll"
    worse = found.arms["tuned"]["nll"].value > found.arms["base"]["nll"].value
    assert (found.verdict.difference > 0) == worse


def test_answers_and_flips_point_at_rows_of_the_test_split(tmp_path: Path) -> None:
    subject = subjects.subject(tmp_path, subjects.json_chats(30), objective="sft", num_test=10)
    found, _ = judged(subject, max_rows=4, arms=["base"])
    rows = [answer.row for answer in found.answers["tuned"]]
    first = sorted(range(10), key=lambda row: subject.test[row].key())[:4]
    assert rows == sorted(first)


def test_arms_and_metrics_that_do_not_fit_are_refused_by_name(tmp_path: Path) -> None:
    subject = subjects.subject(tmp_path, subjects.texts(12), objective="lm")
    with pytest.raises(RecipeError, match="few_shot cannot run on these test rows"):
        judged(subject, arms=["few_shot"])
    with pytest.raises(RecipeError, match=r"'accuracy' does not fit.*these do: nll"):
        judged(subject, metric="accuracy")
    with pytest.raises(RecipeError, match="did you mean 'majority'"):
        judged(subject, arms=["majorty"])


def test_no_test_rows_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    subject = subjects.subject(tmp_path, subjects.texts(12), objective="lm", num_test=0)
    with pytest.raises(DataError, match=r"data\.test_share"):
        judged(subject)


def test_predictions_come_in_order_without_targets(tmp_path: Path) -> None:
    subject = subjects.subject(tmp_path, subjects.labeled(12), objective="classify")
    found = predict(subject.bundle, subject.objective, subject.test)
    scored, _ = judged(subject)
    assert [item["label"] for item in found] == [item.text for item in scored.answers["tuned"]]
    for item in found:
        assert set(item["probabilities"]) == set(subjects.COLOURS)
        assert sum(item["probabilities"].values()) == pytest.approx(1)
        assert item["confidence"] == item["probabilities"][item["label"]]
        assert item["confidence"] == max(item["probabilities"].values())


def test_conversations_are_predicted_as_in_the_evaluation(tmp_path: Path) -> None:
    subject = subjects.subject(tmp_path, subjects.json_chats(20), objective="sft")
    asked: list[Row] = [
        tiny.chat(row.messages[0].content) for row in subjects.only_chats(list(subject.test))
    ]
    found = predict(subject.bundle, subject.objective, asked, max_new_tokens=6)
    scored, _ = judged(subject, arms=[])
    assert [item["answer"] for item in found] == [item.text for item in scored.answers["tuned"]]
