"""The NLL of rows in packs is the loss of each row alone."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests import tiny
from tests.unit.evaluation import subjects

from luthier.data.rows import Origin, Row, Text
from luthier.evaluation import likelihood
from luthier.evaluation.evaluate import Subject
from luthier.evaluation.likelihood import row_nlls
from luthier.objectives.contract import Roles
from luthier.objectives.sft import Config, Sft


@pytest.fixture
def chats(tmp_path: Path) -> Subject:
    return subjects.subject(tmp_path, subjects.json_chats(20), objective="sft", move=0.2)


def nlls(subject: Subject, rows: list[Row]) -> list[tuple[float, float]]:
    return row_nlls(subject.bundle, subject.objective, rows)


def alone(subject: Subject, row: Row) -> tuple[float, float]:
    features = subject.objective.prepare(row, subject.bundle.codec, index=0)
    loss = subject.objective.loss(
        Roles(policy=subject.bundle), subject.objective.collate([features])
    )
    return float(loss.sum.detach()), float(loss.count)


@pytest.mark.parametrize("max_tokens", [1, 150, 10_000])
def test_rows_in_packs_of_any_size_have_the_loss_of_each_alone(
    chats: Subject, monkeypatch: pytest.MonkeyPatch, max_tokens: int
) -> None:
    monkeypatch.setitem(likelihood.PACK_TOKENS, "cpu", max_tokens)
    rows = [*chats.train, tiny.chat("what", "yes", "and", "a much longer second answer")]
    np.testing.assert_allclose(nlls(chats, rows), [alone(chats, row) for row in rows], rtol=1e-5)


def test_a_pack_is_never_larger_than_it_may_be(
    chats: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(likelihood.PACK_TOKENS, "cpu", 150)
    sizes: list[int] = []
    flatten = likelihood.flatten

    def watched(*args: object, **kwargs: object) -> object:
        batch = flatten(*args, **kwargs)  # type: ignore[arg-type]
        sizes.append(batch.num_tokens)
        return batch

    monkeypatch.setattr(likelihood, "flatten", watched)
    nlls(chats, list(chats.train))
    assert 1 < len(sizes) < len(chats.train)
    assert max(sizes) <= 150


def test_weights_of_turns_count(chats: Subject) -> None:
    row = tiny.chat("what", "yes")
    half = tiny.chat("what", "yes")
    object.__setattr__(half.messages[1], "weight", 0.5)
    (nats, weight), (half_nats, half_weight) = nlls(chats, [row, half])
    assert (half_nats, half_weight) == (pytest.approx(nats / 2), pytest.approx(weight / 2))


def test_answers_alone_are_scored_though_prompts_count_in_training(chats: Subject) -> None:
    row = tiny.chat("what", "yes")
    weighted = replace(chats, objective=Sft(Config(prompt_weight=1.0)))
    assert nlls(weighted, [row]) == nlls(chats, [row])


def test_long_texts_are_read_in_pieces_and_answers_too_long_are_not_measured(
    chats: Subject, tmp_path: Path
) -> None:
    context = chats.bundle.facts.context_length
    assert math.isnan(nlls(chats, [tiny.chat("what", "no! " * context)])[0][0])
    reader = subjects.subject(tmp_path / "lm", subjects.texts(12), objective="lm")
    text = Text(origin=Origin("t.txt", 1), text="no! " * context)
    num_tokens = len(reader.bundle.codec.encode_document(text.text))
    nats, weight = nlls(reader, [text])[0]
    pieces = math.ceil(num_tokens / context)
    assert nats > 0
    assert num_tokens - pieces <= weight <= num_tokens - 1
