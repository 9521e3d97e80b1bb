"""Losses of tag, qa, multilabel and regress are those of transformers' own models.

Same weights, same batch of equally long sequences (transformers counts padding in the softmax of a
question answerer, and so is compared without any). Float32; sums in another order: rel 1e-5.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tests import tiny
from torch import Tensor

from luthier.data.features import Batch
from luthier.data.rows import Multilabeled, Origin, Question, Row, Scored, Span, Tagged
from luthier.models.bundle import Bundle, Source
from luthier.models.codec import codec_of
from luthier.models.facts import facts_of
from luthier.models.trunks import build
from luthier.objectives import Roles, objectives
from luthier.objectives.contract import Objective

WORDS = ("red", "green", "blue", "one", "two", "three")


def _at(line: int) -> Origin:
    return Origin("rows.jsonl", line + 1)


def tagged() -> list[Row]:
    tags = (("B-a", "I-a", "O", "O"), ("O", "B-b", "O", "B-a"), ("O", "O", "O", "O"))
    return [
        Tagged(origin=_at(n), tokens=("the", WORDS[n], "is", WORDS[n + 1]), tags=tags[n])
        for n in range(3)
    ]


def questions() -> list[Row]:
    found: list[Row] = []
    for n in range(3):
        context = f"the {WORDS[n]} is in {WORDS[n + 1]} world"
        answer = Span(context.index(WORDS[n + 1]), f"{WORDS[n + 1]} world")
        answers = (answer,) if n else ()
        found.append(Question(origin=_at(n), question="what is", context=context, answers=answers))
    return found


def multilabeled() -> list[Row]:
    labels = (("a", "c"), (), ("b",))
    return [
        Multilabeled(origin=_at(n), text=f"the {WORDS[n]} is", labels=labels[n]) for n in range(3)
    ]


def scored() -> list[Row]:
    return [Scored(origin=_at(n), text=f"the {WORDS[n]}", score=2.5 * n - 1) for n in range(3)]


def opened(name: str, rows: list[Row], architecture: str) -> tuple[Objective, Bundle, Batch]:
    kind = objectives.get(name)
    config = kind.Config()
    found = {key: value for key, (value, _) in kind.resolve(config, rows).items()}
    objective = kind(config.model_copy(update=found))
    (sort,) = kind.kinds
    model: Any = tiny.headed(sort, architecture, labels=objective.labels())  # type: ignore[arg-type]
    model.config.problem_type = objective.problem or None
    tokenizer = tiny.word_tokenizer()
    model.config.sep_token_id = tokenizer.sep_token_id  # as it is set where a model is opened
    trunk = build(model, sort, prefer="auto", compute_dtype=torch.float32)
    source = Source("tiny", Path("tiny"), "0" * 64)
    bundle = Bundle(
        model, sort, facts_of(model), codec_of(tokenizer), source, trunk, objective.labels()
    )
    features = [objective.prepare(row, bundle.codec, index=n) for n, row in enumerate(rows)]
    batch = objective.collate(features)
    assert len(set(batch.lengths)) == 1
    return objective, bundle, batch


def ours(objective: Objective, bundle: Bundle, batch: Batch) -> Tensor:
    loss = objective.loss(Roles(bundle), batch)
    return loss.sum / loss.count


def inputs(bundle: Bundle, batch: Batch) -> dict[str, Tensor]:
    ids_BT = batch.input_ids_N.reshape(len(batch.lengths), -1)
    found = {"input_ids": ids_BT, "attention_mask": torch.ones_like(ids_BT)}
    if bundle.model.config.model_type == "bert":
        separator = bundle.codec.tokenizer.sep_token_id
        ends = (ids_BT == separator).long()
        found["token_type_ids"] = (ends.cumsum(1) - ends).clamp(max=1)
    return found


@pytest.mark.parametrize("architecture", ["bert", "llama"])
def test_tag_is_the_loss_of_a_token_classifier(architecture: str) -> None:
    objective, bundle, batch = opened("tag", tagged(), architecture)
    labels_N = torch.full_like(batch.input_ids_N, -100)
    labels_N[batch.tensors["at"]] = batch.tensors["labels"]
    labels_BT = labels_N.reshape(len(batch.lengths), -1)
    theirs = bundle.model(**inputs(bundle, batch), labels=labels_BT).loss
    assert ours(objective, bundle, batch).item() == pytest.approx(theirs.item(), rel=1e-5)


@pytest.mark.parametrize("architecture", ["bert", "llama"])
def test_qa_is_the_loss_of_a_question_answerer(architecture: str) -> None:
    objective, bundle, batch = opened("qa", questions(), architecture)
    starts_B, ends_B = batch.tensors["labels"].unbind(-1)
    assert (starts_B[1:] > 0).all()
    assert (ends_B > starts_B)[1:].all()
    said = bundle.model(**inputs(bundle, batch), start_positions=starts_B, end_positions=ends_B)
    assert ours(objective, bundle, batch).item() == pytest.approx(said.loss.item(), rel=1e-5)


def test_multilabel_is_transformers_binary_cross_entropy() -> None:
    objective, bundle, batch = opened("multilabel", multilabeled(), "bert")
    said = bundle.model(**inputs(bundle, batch), labels=batch.tensors["targets"])
    assert ours(objective, bundle, batch).item() == pytest.approx(said.loss.item(), rel=1e-5)


def test_regress_is_transformers_squared_error() -> None:
    objective, bundle, batch = opened("regress", scored(), "bert")
    said = bundle.model(**inputs(bundle, batch), labels=batch.tensors["targets"])
    assert ours(objective, bundle, batch).item() == pytest.approx(said.loss.item(), rel=1e-5)
