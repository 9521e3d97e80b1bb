"""Policy gradients as pure functions of log-probabilities.

Letters: M tokens of completions, T tokens of one completion, B prompts, G completions of a prompt.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

Divergence = Literal["k2", "k3"]


def clipped_surrogate(
    logprobs_M: Tensor,
    old_M: Tensor,
    advantages_M: Tensor,
    *,
    clip_low: float,
    clip_high: float,
) -> tuple[Tensor, Tensor]:
    """Loss of every token, and whether the clip took its gradient away (1.0 or 0.0).

    Source: Schulman et al. 2017, arXiv:1707.06347, equation 7; two bounds as in DAPO (Yu et al.
    2025, arXiv:2503.14476, equation 10).
    """
    ratio_M = torch.exp(logprobs_M - old_M)
    clipped_M = ratio_M.clamp(1 - clip_low, 1 + clip_high)
    free_M, bound_M = ratio_M * advantages_M, clipped_M * advantages_M
    return -torch.minimum(free_M, bound_M), (bound_M < free_M).float().detach()


def divergence(logprobs_M: Tensor, reference_M: Tensor, *, kind: Divergence) -> Tensor:
    """Estimates of KL(policy | reference) from tokens the policy drew; none is negative.

    As a loss, on tokens drawn from the policy as it is: k2 is a biased estimate, but its gradient
    is that of KL(policy | reference) on average; k3 is unbiased, and its gradient is that of
    KL(reference | policy). The plain difference (k1) is unbiased too, but its gradient is 0 on
    average, so it belongs into the reward and not into a loss.
    Source: Schulman 2020, "Approximating KL divergence".
    """
    ahead_M = logprobs_M - reference_M
    if kind == "k2":
        return 0.5 * ahead_M.square()
    return torch.expm1(-ahead_M) + ahead_M


def standardised(rewards_BG: Tensor, *, epsilon: float = 1e-4) -> Tensor:
    """Rewards of a prompt's completions, less their mean, over their standard deviation.

    Source: GRPO (Shao et al. 2024, arXiv:2402.03300, section 4.1.2); the deviation with G - 1.
    """
    deviation_B1 = rewards_BG.std(1, keepdim=True)
    return centred(rewards_BG) / (deviation_B1 + epsilon)


def centred(rewards_BG: Tensor) -> Tensor:
    """Rewards less the mean of their prompt. Source: Dr. GRPO (Liu et al. 2025,
    arXiv:2503.20783, section 3.2), which leaves the deviation out: it favours easy and hard
    prompts."""
    return rewards_BG - rewards_BG.mean(1, keepdim=True)


def leave_one_out(rewards_BG: Tensor) -> Tensor:
    """Rewards less the mean of the prompt's other completions. Source: RLOO (Ahmadian et al. 2024,
    arXiv:2402.14740, section 3.1)."""
    others = rewards_BG.shape[1] - 1
    return centred(rewards_BG) * (others + 1) / others


def generalised_advantages(
    rewards_T: Tensor, values_T: Tensor, *, discount: float, smoothing: float
) -> Tensor:
    """Advantage of every token of a completion; nothing follows the last one.

    Source: Schulman et al. 2016, arXiv:1506.02438, equation 16.
    """
    following_T = torch.cat([values_T[1:], values_T.new_zeros(1)])
    errors_T = rewards_T + discount * following_T - values_T
    found_T = torch.empty_like(errors_T)
    ahead = errors_T.new_zeros(())
    for t in reversed(range(len(errors_T))):
        ahead = errors_T[t] + discount * smoothing * ahead
        found_T[t] = ahead
    return found_T


def clipped_value_loss(
    values_M: Tensor, old_M: Tensor, returns_M: Tensor, *, clip: float
) -> Tensor:
    """Half the squared error of every value, the larger one of free and clipped.

    Source: the code of Schulman et al. 2017 (OpenAI baselines, ppo2).
    """
    clipped_M = old_M + (values_M - old_M).clamp(-clip, clip)
    return 0.5 * torch.maximum((values_M - returns_M) ** 2, (clipped_M - returns_M) ** 2)
