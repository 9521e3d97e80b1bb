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
from luthier.evaluation.evaluate import Subject
from luthier.evaluation.retention import retention, view
from luthier.evaluation.retention.material import paragraphs, prompts
from luthier.evaluation.retention.measure import MAX_TOKENS
from luthier.evaluation.retention.view import Material, material
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


def test_text_and_drift_are_those_of_every_row_alone(subject: Subject) -> None:
    found, texts = measured(subject), read(subject)
    tuned = subject.bundle
    nats = sum(
        -float(logprobs(tuned, ids)[:-1].gather(1, torch.tensor(ids)[1:, None].long()).sum())
        for ids in texts.texts
    )
    num_tokens = sum(len(ids) - 1 for ids in texts.texts)
    text = found["general_text_nll"]
    assert text["tokens"] == num_tokens
    assert text["tuned"]["value"] == pytest.approx(nats / num_tokens, rel=1e-5)
    total, count = 0.0, 0
    for ids in texts.prompts:
        with subject.base() as base:
            before = logprobs(base, ids)[texts.start :]
        after = logprobs(tuned, ids)[texts.start :]
        total += float((before.exp() * (before - after)).sum())
        count += len(before)
    assert count > len(texts.prompts)
    assert found["kl_to_base"]["tuned"]["value"] == pytest.approx(total / count, rel=1e-4)


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
    assert small["general_text_nll"]["tuned"] == whole["general_text_nll"]["tuned"]


def test_a_context_too_short_for_a_prompt_still_gives_the_text(
    subject: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("luthier.evaluation.retention.measure.prompts", lambda: ["no! " * 300])
    found = measured(subject)
    assert set(found) == {"general_text_nll"}
