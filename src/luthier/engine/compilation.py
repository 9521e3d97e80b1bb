"""Whether compiling the pointwise pieces pays within a run."""

from __future__ import annotations

from typing import Literal

import torch

from luthier.engine.precision import Precision
from luthier.models.trunks import hindrance

_PAYS_SECONDS = 10.0
"""Building takes about 2 s, once on a machine, and saves a fifth of the training."""
_PER_THREAD = {"bfloat16": 2.0e11, "float32": 5.0e10}
"""Floating-point operations that a core does per second in a training step."""


def choose(
    flops: float, *, precision: Precision, device: torch.device | str = "cpu"
) -> tuple[Literal["on", "off"], str]:
    """on or off for a training of `flops` floating-point operations, and why."""
    if torch.device(device).type != "cpu":
        return "off", "measured on CPUs only"
    seconds = flops / (_PER_THREAD[precision] * torch.get_num_threads())
    if seconds < _PAYS_SECONDS:
        return "off", "it would cost more than it saves in a training this short"
    if reason := hindrance():
        return "off", reason
    return "on", "it saves about a fifth of the training"
