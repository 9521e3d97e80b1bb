"""The learning rate as a pure function of the step, so that nothing has to be saved for it."""

from __future__ import annotations

import math
from typing import Literal

Shape = Literal["cosine", "linear", "constant"]


def rate_share(step: int, *, num_steps: int, warmup_steps: int, shape: Shape) -> float:
    """Share of the peak learning rate used by update `step` (counted from 0), in (0, 1].

    Warm-up rises in equal parts and no update has rate 0; the decay would reach 0 one update
    after the last.
    Source: Loshchilov & Hutter 2017, arXiv:1608.03983, equation 5 (cosine, without restarts).
    """
    if step < warmup_steps:
        return (step + 1) / (warmup_steps + 1)
    if shape == "constant":
        return 1.0
    done = (step - warmup_steps) / max(num_steps - warmup_steps, 1)
    done = min(done, 1.0)
    return 1.0 - done if shape == "linear" else 0.5 * (1.0 + math.cos(math.pi * done))
