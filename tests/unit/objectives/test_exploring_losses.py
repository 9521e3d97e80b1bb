"""Every variant of learning from scores in closed form, through the objective."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from tests.contracts.cases import OBJECTIVE_SETTINGS, SHORT, Case, case
from torch import Tensor, nn

BETA, LONGEST = 0.1, 4


def logprobs_by_hand(found: Case, row: Any) -> Tensor:
    """Log-probabilities of a row's completion tokens, from the whole model's logits."""
    ids = torch.from_numpy(row.input_ids).long()
    logits = found.bundle.model(input_ids=ids[None]).logits[0].float()
    chosen = logits.log_softmax(-1)[:-1].gather(1, ids[1:, None])[:, 0]
    return chosen[-row.num_trained :].detach()


@pytest.mark.parametrize("kl", ["k2", "k3"])
@pytest.mark.parametrize("variant", ["grpo", "dr_grpo", "dapo", "rloo"])
def test_the_loss_of_a_variant(variant: str, kl: str, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {"variant": variant, "kl": kl, "beta": BETA, "group_size": 3, "updates": 2}
    monkeypatch.setitem(OBJECTIVE_SETTINGS, "grpo", {**SHORT, **settings})
    found = case("lora", "grpo")
    found.bundle.model.eval()
    total = count = 0.0
    for row in found.features:
        now, number = logprobs_by_hand(found, row), row.num_trained
        ratio = torch.exp(now - torch.from_numpy(row.arrays["old"]))
        advantage = float(row.arrays["advantage"][0])
        gained = torch.minimum(ratio * advantage, ratio.clamp(0.8, 1.2) * advantage)
        ahead = now - torch.from_numpy(row.arrays["reference"])
        apart = ahead.square() / 2 if kl == "k2" else torch.exp(-ahead) + ahead - 1
        summed = float((-gained + BETA * apart).sum())
        total += summed / {"grpo": number, "dr_grpo": LONGEST}.get(variant, 1)
        count += number if variant == "dapo" else 1
    assert found.loss(found.features) == pytest.approx(total / count, rel=1e-4, abs=1e-6)


def test_advantages_of_rloo_are_against_the_mean_of_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = {**SHORT, "variant": "rloo", "group_size": 3}
    monkeypatch.setitem(OBJECTIVE_SETTINGS, "grpo", settings)
    found = case("lora", "grpo")
    models = replace(found.roles(), reference=found.view())
    records = found.objective.explore(models, found.prompts, step=0, seed=0).records
    scores = np.array([record["score"] for record in records]).reshape(-1, 3)
    expected = scores - (scores.sum(1, keepdims=True) - scores) / 2
    advantages = np.array([record["advantage"] for record in records]).reshape(-1, 3)
    np.testing.assert_allclose(advantages, expected, atol=1e-5)


def valued(found: Case, *, weight: float, bias: float) -> nn.Linear:
    """A value head that was trained already."""
    head = nn.Linear(found.bundle.facts.hidden_size, 1)
    nn.init.constant_(head.weight, weight)
    nn.init.constant_(head.bias, bias)
    return head


def test_a_value_that_moved_too_far_is_charged_for_it() -> None:
    found = case("lora", "ppo")
    models = replace(found.roles(), companion=valued(found, weight=0.0, bias=0.5))
    rows = [_of(row, advantage=0.0, value=0.0) for row in found.features]
    with torch.no_grad():
        loss = found.objective.loss(models, found.objective.collate(rows))
    returns = np.concatenate([row.arrays["return"] for row in rows])
    errors = 0.5 * np.maximum((0.5 - returns) ** 2, (0.2 - returns) ** 2)
    assert float(loss.metrics["value_loss"][0]) == pytest.approx(errors.sum(), rel=1e-4)
    assert float(loss.sum) == pytest.approx(0.1 * errors.sum(), rel=1e-4)


@pytest.mark.parametrize("moves", [False, True])
def test_values_move_the_model_only_where_asked(
    moves: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {**OBJECTIVE_SETTINGS["ppo"], "values_move_model": moves}
    monkeypatch.setitem(OBJECTIVE_SETTINGS, "ppo", settings)
    found = case("lora", "ppo")
    head = valued(found, weight=0.1, bias=0.0)
    rows = [_of(row, advantage=0.0) for row in found.features]
    models = replace(found.roles(), companion=head)
    found.objective.loss(models, found.objective.collate(rows)).sum.backward()
    gradients = [p.grad for p in found.bundle.model.parameters() if p.grad is not None]
    assert any(bool(gradient.any()) for gradient in gradients) == moves
    assert head.weight.grad is not None
    assert head.weight.grad.any()


def _of(row: Any, **values: float) -> Any:
    """The row with other numbers beside its tokens."""
    arrays = {name: np.full_like(row.arrays[name], value) for name, value in values.items()}
    return replace(row, arrays={**row.arrays, **arrays})
