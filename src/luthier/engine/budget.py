"""How many tokens a micro-batch may hold, from what a row keeps for its backward pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from luthier.data.features import Features
from luthier.data.features_on_disk import columns_of

CPU_TOKENS, GPU_TOKENS = 2048, 16384
"""Beyond these a larger micro-batch is no faster and only costs memory."""
HEADROOM = 0.8
"""Share of the available memory that is planned with."""
SLACK = 1.5
"""Gradients and temporaries beside what is kept for the backward pass."""


@dataclass(frozen=True, slots=True)
class Budget:
    """A choice and its reasons."""

    micro_batch_tokens: int
    gradient_checkpointing: bool
    why: str


def choose(
    *, bytes_per_token: float, fixed_bytes: int, longest: int, available: int, device: torch.device
) -> Budget:
    """The micro-batch that fits, and whether only recomputing activations lets the longest row fit.

    Args:
        bytes_per_token: kept for the backward pass, as measured on one row.
        fixed_bytes: gradients and optimizer state.
        longest: tokens of the longest row.
        available: bytes that may still be taken.
    """
    usual = _usual(device)
    room = available * HEADROOM - fixed_bytes
    fitting = int(room / (bytes_per_token * SLACK)) if bytes_per_token else usual
    why = (
        f"{bytes_per_token / 1e6:.2f} MB per token for the backward pass, "
        f"{available / 1e9:.1f} GB available"
    )
    if fitting < longest:
        return Budget(max(longest, 1), True, f"{why}: the longest row ({longest}) does not fit")
    return Budget(max(min(usual, fitting), 1), False, why)


def checkpointed(found: Budget, *, longest: int, device: torch.device) -> Budget:
    """`found` with activations formed again: whoever wants that is short of memory, and half the
    usual tokens are then as fast."""
    tokens = max(longest, min(found.micro_batch_tokens, _usual(device) // 2))
    return replace(found, micro_batch_tokens=tokens, gradient_checkpointing=True)


def fullest(features: Sequence[Features], *, max_tokens: int, batch_size: int) -> list[Features]:
    """A micro-batch that no other of the run exceeds: the longest row, filled up with the next."""
    tokens = columns_of(features).tokens
    by_length = np.argsort(-np.array(tokens, np.int64), kind="stable")
    first = int(by_length[0])
    chosen, room = [first], max_tokens - tokens[first]
    for at in map(int, by_length[1:]):
        if len(chosen) == batch_size or room <= 0:
            break
        if tokens[at] <= room:
            chosen.append(at)
            room -= tokens[at]
    return [features[at] for at in chosen]


def _usual(device: torch.device) -> int:
    return GPU_TOKENS if device.type == "cuda" else CPU_TOKENS
