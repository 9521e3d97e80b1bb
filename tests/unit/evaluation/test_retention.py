"""What was forgotten: figures that follow from the two models' own logits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.unit.evaluation import subjects
from torch import Tensor

from luthier.data.features import Features, flatten
from luthier.evaluation.bootstrap import Spread
from luthier.evaluation.evaluate import Subject
from luthier.evaluation.retention import retention, view
from luthier.evaluation.retention.drift import first_words, nats_words
from luthier.evaluation.retention.exchanges import MAX_ANSWER
from luthier.evaluation.retention.material import paragraphs, prompts
from luthier.evaluation.retention.measure import MAX_TOKENS, words
from luthier.evaluation.retention.view import Material, material
from luthier.generation import generate
from luthier.models.bundle import Bundle


@pytest.fixture
def subject(tmp_path: Path) -> Subject:
    return subjects.subject(tmp_path, subjects.json_chats(20), objective="sft", move=0.3)


def measured(subject: Subject) -> dict[str, Any]:
    return retention(subject, confidence=0.95, num_resamples=200)


def read(subject: Subject) -> Material:
    context = subject.bundle.facts.context_length
    codec = subject.bundle.codec
    return material(codec, paragraphs(), prompts(), max_length=context, max_tokens=MAX_TOKENS)


def logprobs(bundle: Bundle, ids: np.ndarray) -> Tensor:
    with torch.no_grad():
        hidden = bundle.trunk.hidden(flatten([Features(0, ids)]))
        return (hidden @ bundle.trunk.head().weight.T).float().log_softmax(-1)


def test_general_text_is_that_of_every_text_alone(subject: Subject) -> None:
    found, texts = measured(subject)["general_text_nll"], read(subject).texts
    nats = sum(
        -float(
            logprobs(subject.bundle, ids)[:-1].gather(1, torch.tensor(ids)[1:, None].long()).sum()
        )
        for ids in texts
    )
    num_tokens = sum(len(ids) - 1 for ids in texts)
    assert found["tokens"] == num_tokens
    assert found["tuned"]["value"] == pytest.approx(nats / num_tokens, rel=1e-5)


def test_drift_is_measured_over_the_answers_of_the_base_model_only(subject: Subject) -> None:
    asked = read(subject).prompts
    with subject.base() as base:
        answers = generate(base, asked, max_new_tokens=MAX_ANSWER)
    total, count, changed = 0.0, 0, 0
    for prompt, answer in zip(asked, answers, strict=True):
        ids = np.concatenate([prompt, answer.ids])
        compared = slice(len(prompt) - 1, len(ids) - (0 if answer.finished else 1))
        with subject.base() as base:
            before = logprobs(base, ids)[compared]
        after = logprobs(subject.bundle, ids)[compared]
        total += float((before.exp() * (before - after)).sum())
        count += len(before)
        changed += int(before[0].argmax() != after[0].argmax())
    assert len(asked) < count <= MAX_ANSWER * len(asked)
    found = measured(subject)
    assert found["kl_to_base"]["tuned"]["value"] == pytest.approx(total / count, rel=1e-4)
    begun = found["changed_first_token_share"]["tuned"]
    assert begun["value"] == changed / len(asked)
    assert begun["low"] < begun["high"]
    assert begun["n"] == len(asked)


def test_small_packs_and_tables_change_nothing(
    subject: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = measured(subject)
    monkeypatch.setattr(view, "MAX_LOGITS", 1)
    monkeypatch.setattr(view, "max_pack_tokens", lambda _device: 1)
    small = measured(subject)
    assert small["kl_to_base"]["tuned"]["value"] == pytest.approx(
        whole["kl_to_base"]["tuned"]["value"], rel=1e-5
    )
    assert small["changed_first_token_share"] == whole["changed_first_token_share"]
    assert small["general_text_nll"]["tuned"] == whole["general_text_nll"]["tuned"]


def test_a_context_too_short_for_a_prompt_still_gives_the_text(
    subject: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("luthier.evaluation.retention.measure.prompts", lambda: ["no! " * 300])
    found = measured(subject)
    assert set(found) == {"general_text_nll"}


@pytest.mark.parametrize(
    ("moved", "said"),
    [
        ((0.01, -0.02, 0.04), "as well as before (at most 1.0 %"),
        ((0.01, 0.005, 0.04), "as well as before"),
        ((0.01, -0.30, 0.40), "No loss of general English is shown, but up to 10.0 %"),
        ((0.20, 0.10, 0.40), "forgotten something: general English surprises it 5.0 % more"),
        ((-0.20, -0.30, -0.10), "better than before (5.0 % less"),
    ],
)
def test_words_never_say_more_than_the_interval(
    moved: tuple[float, float, float], said: str
) -> None:
    assert said in words(4.0, Spread(*moved, deviation=0.1))


@pytest.mark.parametrize(
    ("changed", "alike", "said"),
    [
        (24, 24, "answers every request in its trained form: 24 of 24 neutral prompts"),
        (24, 22, "nearly every request in its trained form: 22 of 24"),
        (24, 6, "Most unrelated requests are answered in another way: 24 of 24"),
        (6, 24, "Some unrelated requests are answered in another way: 6 of 24"),
        (0, 24, "answered much as before: 0 of 24"),
    ],
)
def test_words_tell_how_unrelated_requests_are_answered(
    changed: int, alike: int, said: str
) -> None:
    assert said in first_words(changed, 24, '"{"', alike)


def test_nats_are_put_into_words() -> None:
    assert nats_words(0.09).startswith("Answers are close")
    assert nats_words(0.5).startswith("Answers moved away")
    assert nats_words(14.2).startswith("Answers moved far away")
