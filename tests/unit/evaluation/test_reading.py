"""Texts that are too long are read as they were learned, and what was cut is said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests import tiny
from tests.contracts.cases import case
from tests.unit.evaluation import subjects

from luthier.core.events import Event, Notice
from luthier.data.overflow import fit_to
from luthier.data.rows import Labeled, Origin, Row
from luthier.evaluation.evaluate import evaluate
from luthier.evaluation.predict import predict
from luthier.evaluation.tasks.label import batches
from luthier.evaluation.tasks.search import vectors_of
from luthier.models.bundle import Cut
from luthier.objectives.classify import Classify, Config
from luthier.recipe.resolve import Settled
from luthier.recipe.schema import EvaluationSection, Recipe
from luthier.workflow.opening import cut_of

LABELS = ("a", "b")


def long_row(**fields: Any) -> Labeled:
    text = " ".join(str(number) for number in range(60))
    return Labeled(origin=Origin("a", 1), label="a", **({"text": text} | fields))


@pytest.mark.parametrize("policy", ["truncate_prompt", "truncate_tail"])
def test_what_training_cut_is_cut_again(policy: Any) -> None:
    bundle, objective = tiny.bundle("bert", labels=LABELS), Classify(Config(labels=list(LABELS)))
    bundle.cut = Cut(20, keeps_end=policy == "truncate_prompt")
    learned = objective.prepare(long_row(), bundle.codec, index=0)
    [expected] = fit_to(learned, 20, policy, "a")
    (_, batch) = next(batches(bundle, objective, [long_row()]))
    assert batch.input_ids_N.tolist() == expected.input_ids.tolist()


def test_no_more_is_read_than_both_model_and_tokenizer_take() -> None:
    bundle, objective = tiny.bundle("bert", labels=LABELS), Classify(Config(labels=list(LABELS)))
    assert bundle.longest == bundle.codec.max_length == 128
    bundle.facts = replace(bundle.facts, context_length=50)
    assert bundle.longest == 50
    (_, batch) = next(batches(bundle, objective, [long_row()]))
    assert batch.lengths == (50,)


def test_a_long_text_leaves_the_second_of_a_pair_room() -> None:
    bundle, objective = tiny.bundle("bert", labels=LABELS), Classify(Config(labels=list(LABELS)))
    bundle.cut = Cut(20)
    (_, batch) = next(batches(bundle, objective, [long_row(text_pair="red green blue")]))
    second = bundle.codec.encode("red green blue")[1:]
    assert batch.input_ids_N.tolist()[-len(second) :] == second.tolist()
    assert batch.lengths == (20,)


def test_vectors_are_those_of_the_cut_texts() -> None:
    found = case("full", "contrastive")
    found.bundle.cut = Cut(8)
    texts = ["red " * 40, "red " * 6]
    long, short = vectors_of(found.bundle, texts, tell=lambda _done, _total: None)
    assert np.allclose(long, short, atol=1e-6)
    assert found.bundle.notes[-1] == ("longer than 8 tokens: 1 of 2 texts; their end was not read")


def test_predictions_and_the_evaluation_say_what_was_cut(tmp_path: Path) -> None:
    rows: list[Row] = [*subjects.labeled(24)]
    rows[0] = replace(rows[0], text="the red world " * 200)
    subject = subjects.subject(tmp_path, rows, objective="classify", tuner="full", num_test=6)
    subject.bundle.cut = Cut(30)
    told: list[Event] = []
    section = EvaluationSection(num_resamples=100, retention=False, arms=["base"])
    evaluate(subject, section=section, on_event=told.append)
    notices = [event.text for event in told if isinstance(event, Notice)]
    tuned = "longer than 30 tokens: 1 of 6 texts; their end was not read"
    fitted = "longer than 30 tokens: 1 of 24 texts; their end was not read"
    assert notices == [fitted, tuned]
    predict(subject.bundle, subject.objective, subject.test)
    assert subject.bundle.notes[-1] == tuned


@pytest.mark.parametrize(
    ("given", "policy", "expected"),
    [
        (True, "truncate_prompt", Cut(64, keeps_end=True)),
        (True, "truncate_tail", Cut(64)),
        (False, "truncate_prompt", Cut(0, keeps_end=True)),
        (True, "error", Cut()),
    ],
)
def test_a_limit_read_off_the_rows_is_none_for_others(
    given: bool, policy: str, expected: Cut
) -> None:
    recipe = Recipe(
        model="m",
        data={"train": "t", "on_overflow": policy},
        training={"max_length": 64} if given else {},
    )
    settled = Settled(recipe, {"training.max_length": "user: command line"} if given else {})
    settled.settle("training.max_length", 64, "longest row")
    again = Settled.of_document(settled.document())
    assert cut_of(settled) == cut_of(again) == expected
