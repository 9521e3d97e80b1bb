"""Policy gradients against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from luthier.ops import policy

REWARDS = torch.tensor([[0.0, 1.0, 1.0, 0.0], [2.0, 2.0, 2.0, 2.0], [1.0, 0.0, 0.0, 0.0]])


def test_advantages_are_told_within_the_prompt() -> None:
    for found in (policy.standardised, policy.centred, policy.leave_one_out):
        advantages = found(REWARDS)
        assert_close(advantages.sum(1), torch.zeros(3), atol=1e-6, rtol=0)
        assert not advantages[1].any()
    assert_close(policy.standardised(REWARDS)[0, 1], torch.tensor(0.5 / (1 / 3) ** 0.5), rtol=1e-3,
                 atol=0)  # fmt: skip
    assert_close(policy.leave_one_out(REWARDS)[2], torch.tensor([1.0, *[-1 / 3] * 3]))


def test_on_fresh_samples_the_gradient_is_that_of_reinforce() -> None:
    logprobs = torch.tensor([-1.0, -2.0], requires_grad=True)
    advantages = torch.tensor([0.5, -2.0])
    losses, clipped = policy.clipped_surrogate(
        logprobs, logprobs.detach(), advantages, clip_low=0.2, clip_high=0.2
    )
    losses.sum().backward()
    assert_close(logprobs.grad, -advantages)
    assert not clipped.any()


@pytest.mark.parametrize(
    ("ratio", "advantage", "moves"),
    [(1.1, 1.0, True), (1.3, 1.0, False), (1.25, -1.0, True), (0.7, -1.0, False), (0.7, 1.0, True)],
)
def test_the_clip_stops_what_has_gone_far_enough(
    ratio: float, advantage: float, moves: bool
) -> None:
    logprobs = torch.tensor([ratio]).log().requires_grad_()
    losses, clipped = policy.clipped_surrogate(
        logprobs, torch.zeros(1), torch.tensor([advantage]), clip_low=0.2, clip_high=0.28
    )
    if ratio == 1.3:
        assert losses.item() == pytest.approx(-1.28)
    losses.sum().backward()
    assert bool(logprobs.grad.any()) == moves
    assert clipped.item() == float(not moves)


def test_the_estimators_agree_with_the_divergence_they_estimate() -> None:
    draws = torch.Generator().manual_seed(0)
    scores = torch.randn(2, 8, generator=draws) * 0.5
    now, before = scores.log_softmax(-1)
    exact = float((now.exp() * (now - before)).sum())
    samples = torch.multinomial(now.exp(), 400_000, replacement=True, generator=draws)
    found = policy.divergence(now[samples], before[samples], kind="k3")
    assert found.mean().item() == pytest.approx(exact, rel=0.02)
    assert policy.divergence(now, before, kind="k3").min() >= 0
    assert_close(policy.divergence(now, before, kind="k2"), 0.5 * (now - before) ** 2)


@pytest.mark.parametrize("kind", ["k2", "k3"])
def test_as_a_loss_they_move_the_policy_as_a_divergence_does(kind: policy.Divergence) -> None:
    draws = torch.Generator().manual_seed(0)
    scores, before = torch.randn(2, 8, generator=draws, dtype=torch.float64)
    scores, before = scores.requires_grad_(), before.log_softmax(-1)
    now = scores.log_softmax(-1)
    expected_loss = (now.exp().detach() * policy.divergence(now, before, kind=kind)).sum()
    (found,) = torch.autograd.grad(expected_loss, scores, retain_graph=True)
    forward, backward = (now.exp() * (now - before)).sum(), (before.exp() * (before - now)).sum()
    (expected,) = torch.autograd.grad(forward if kind == "k2" else backward, scores)
    assert_close(found, expected)


@pytest.mark.parametrize(("discount", "smoothing"), [(1.0, 0.95), (0.9, 0.5), (1.0, 0.0)])
def test_advantages_over_time_are_the_sum_of_their_errors(
    discount: float, smoothing: float
) -> None:
    draws = np.random.default_rng(0)
    rewards, values = draws.normal(size=7), draws.normal(size=7)
    errors = rewards + discount * np.append(values[1:], 0.0) - values
    expected = [
        sum((discount * smoothing) ** k * errors[t + k] for k in range(7 - t)) for t in range(7)
    ]
    found = policy.generalised_advantages(
        torch.tensor(rewards), torch.tensor(values), discount=discount, smoothing=smoothing
    )
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-12)


def test_with_full_smoothing_they_are_what_came_less_what_was_expected() -> None:
    rewards, values = torch.tensor([0.0, 0.0, 1.0]), torch.tensor([0.3, 0.2, 0.6])
    found = policy.generalised_advantages(rewards, values, discount=1.0, smoothing=1.0)
    assert_close(found, 1.0 - values)


def test_a_value_is_charged_for_what_it_moved_too_far() -> None:
    old, returns = torch.zeros(3), torch.tensor([1.0, 1.0, -1.0])
    values = torch.tensor([0.1, 0.9, 0.9])
    found = policy.clipped_value_loss(values, old, returns, clip=0.2)
    assert_close(found, 0.5 * torch.tensor([0.9**2, 0.8**2, 1.9**2]))
