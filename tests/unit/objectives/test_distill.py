"""Learning from a teacher's distribution: formulas, what is kept of it, and other tokenizers."""

from __future__ import annotations

import json
import math
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests import tiny
from tests.journeys.desk import QUICK, Desk, desk
from torch import Tensor

import luthier
from luthier.core.errors import RecipeError
from luthier.core.events import Event, Updated
from luthier.models.codec import codec_of
from luthier.objectives import Other, Roles
from luthier.objectives.distill import Config, Distill, with_others
from luthier.ops.divergence import generalised_jsd
from luthier.workflow.others import refuse_other_tokens

GOLDEN = json.loads(
    (Path(__file__).parents[2] / "golden" / "trl_gkd.json").read_text(encoding="utf-8")
)


def arranged(**settings: Any) -> tuple[Distill, Any, Any, Any]:
    """Objective, student, teacher, and rows with what the teacher says of them."""
    objective = Distill(Config(teacher="tiny", **settings))
    student, teacher = tiny.bundle(), tiny.bundle(seed=3)
    rows = [tiny.chat("what is red", "red is good"), tiny.chat("a", "yes", "b", "no one")]
    features = [objective.prepare(row, student.codec, index=n) for n, row in enumerate(rows)]
    models = Roles(student, teacher=lambda: nullcontext(teacher))
    said = objective.constants(models, objective.collate(features))
    features = [
        replace(item, arrays={name: parts[at] for name, parts in said.items()})
        for at, item in enumerate(features)
    ]
    return objective, student, teacher, features


def logprobs(bundle: Any, batch: Any, temperature: float = 1.0) -> Tensor:
    with torch.no_grad():
        hidden = bundle.trunk.hidden(batch, batch.tensors["at"])
        return torch.log_softmax(hidden @ bundle.trunk.head().weight.T / temperature, -1)


@pytest.mark.parametrize("case", GOLDEN["cases"], ids=lambda case: f"beta={case['beta']}")
def test_divergences_are_those_of_trl(case: dict[str, Any]) -> None:
    student = torch.tensor(GOLDEN["student"]) / case["temperature"]
    teacher = torch.tensor(GOLDEN["teacher"]) / case["temperature"]
    found = generalised_jsd(student.log_softmax(-1), teacher.log_softmax(-1), beta=case["beta"])
    assert float(found.sum()) == pytest.approx(case["sum"], rel=1e-5)


@pytest.mark.parametrize("beta", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("temperature", [1.0, 2.0])
def test_with_all_tokens_kept_the_loss_is_the_divergence_of_both_models(
    beta: float, temperature: float
) -> None:
    objective, student, teacher, features = arranged(
        beta=beta, temperature=temperature, top_k=10**6
    )
    batch = objective.collate(features)
    found = objective.loss(Roles(student), batch)
    one, other = (logprobs(model, batch, temperature) for model in (student, teacher))
    expected = generalised_jsd(one, other, beta=beta).sum()
    assert float(found.sum.detach()) == pytest.approx(float(expected), rel=1e-4)
    assert float(found.count) == sum(item.num_trained for item in features)


def test_tokens_that_were_not_kept_count_as_one() -> None:
    objective, student, teacher, features = arranged(top_k=5)
    batch = objective.collate(features)
    one, other = logprobs(student, batch), logprobs(teacher, batch)
    best = other.topk(5, -1).indices
    pairs = [table.gather(1, best) for table in (one, other)]
    expected = generalised_jsd(with_others(pairs[0]), with_others(pairs[1]), beta=0.0).sum()
    found = float(objective.loss(Roles(student), batch).sum.detach())
    assert found == pytest.approx(float(expected), rel=1e-4)
    assert found <= float(generalised_jsd(one, other, beta=0.0).sum())
    assert features[0].arrays["teacher_ids"].shape == (features[0].num_trained, 5)


@pytest.mark.parametrize("beta", [0.0, 0.4, 1.0])
def test_the_gradient_is_that_of_the_divergence_of_kept_tokens_and_all_others(beta: float) -> None:
    objective, student, _, features = arranged(beta=beta, temperature=2.0, top_k=5)
    student.model.requires_grad_(True)
    batch = objective.collate(features)
    objective.loss(Roles(student), batch).sum.backward()
    named = dict(student.model.named_parameters())
    found = {name: p.grad.clone() for name, p in named.items() if p.grad is not None}
    student.model.zero_grad()
    hidden = student.trunk.hidden(batch, batch.tensors["at"])
    table = torch.log_softmax(hidden @ student.trunk.head().weight.T / 2.0, -1)
    kept = table.gather(1, batch.tensors["teacher_ids"].long())
    pair = (with_others(kept), with_others(batch.tensors["teacher_logprobs"]))
    generalised_jsd(*pair, beta=beta).sum().backward()
    assert len(found) > 10
    for name, gradient in found.items():
        torch.testing.assert_close(gradient, named[name].grad, rtol=1e-4, atol=1e-6)


def test_a_hard_share_mixes_in_the_usual_loss() -> None:
    objective, student, _, features = arranged(hard_share=0.25)
    batch = objective.collate(features)
    table = logprobs(student, batch)
    nll = -table.gather(1, batch.tensors["labels"][:, None]).sum()
    found = objective.loss(Roles(student), batch)
    soft = found.metrics["divergence"][0]
    expected = 0.75 * float(soft) + 0.25 * float(nll)
    assert float(found.sum.detach()) == pytest.approx(expected, rel=1e-4)


def test_a_teacher_with_other_tokens_is_refused_with_the_reason() -> None:
    other = tiny.tokenizer()
    other.add_tokens(["zebra"])
    with pytest.raises(RecipeError, match=r"1 of them differ, such as 'zebra'.*objective=sft"):
        refuse_other_tokens(
            codec_of(other),
            codec_of(tiny.tokenizer()),
            role="teacher",
            other=Other("big", "objective=sft"),
        )


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setenv("LUTHIER_CACHE", str(tmp_path / "cache"))
    return desk(tmp_path, num_rows=24)


def test_a_run_learns_from_a_teacher_whose_words_are_kept_on_disk(place: Desk) -> None:
    tiny.folder(place.root / "teacher")
    heard: list[Event] = []
    run = luthier.train(
        {"model": str(place.model), "data": {"train": str(place.data)}},
        out=place.root / "run",
        overrides=[
            *QUICK,
            "objective=distill",
            f"objective.teacher={place.root / 'teacher'}",
            "training.max_steps=2",
        ],
        on_event=heard.append,
    )
    assert run.summary["state"] == "done"
    assert (run.layout.constants / "train.safetensors").is_file()
    losses = [event.loss for event in heard if isinstance(event, Updated)]
    assert all(math.isfinite(loss) for loss in losses)
    # the teacher is the model itself, untrained
    assert losses[0] == pytest.approx(0.0, abs=1e-3)
    assert np.isfinite(run.summary["validation_loss"])
