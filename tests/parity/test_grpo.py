"""GRPO's loss and its gradient are those of TRL on the same batch; PPO's parts are closed forms."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from luthier.objectives.grpo import Config, token_weights
from luthier.ops import policy

GOLDEN: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "golden" / "trl_grpo.json").read_text()
)


@pytest.mark.parametrize(
    "case", GOLDEN["cases"], ids=lambda case: f"{case['variant']}-beta{case['beta']}"
)
def test_loss_and_gradient_are_those_of_trl(case: dict[str, Any]) -> None:
    config = Config(
        variant=case["variant"],
        beta=case["beta"],
        clip_high=case["clip_high"],
        max_new_tokens=max(GOLDEN["lengths"]),
    )
    now = torch.tensor(GOLDEN["now"], requires_grad=True)
    total, count = torch.zeros(()), 0.0
    for row, length in enumerate(GOLDEN["lengths"]):
        old, reference = (torch.tensor(GOLDEN[name])[row, :length] for name in ("old", "reference"))
        advantage = torch.full((length,), GOLDEN["advantages"][row])
        logprobs = now[row, :length]
        losses, _ = policy.clipped_surrogate(
            logprobs, old, advantage, clip_low=config.clip_low, clip_high=config.clip_high
        )
        losses = losses + config.beta * policy.divergence(logprobs, reference, kind=config.kl)
        weights, counted = token_weights(config.variant, length, config)
        total, count = total + (losses * torch.from_numpy(weights)).sum(), count + counted
    loss = total / count
    loss.backward()
    assert now.grad is not None
    assert loss.item() == pytest.approx(case["loss"], rel=1e-5, abs=1e-7)
    np.testing.assert_allclose(now.grad.numpy(), case["gradient"], rtol=1e-5, atol=1e-7)
