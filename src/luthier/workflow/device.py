"""The device a run uses: the first GPU of this machine, or its CPU."""

from __future__ import annotations

import torch


def device_name() -> str:
    """The name torch knows it by: cuda or cpu."""
    return "cuda" if torch.cuda.is_available() else "cpu"
