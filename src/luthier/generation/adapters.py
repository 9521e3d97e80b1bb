"""Adapters in the type of their frozen layer while many tokens are written one after another."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import torch
from torch import nn

from luthier.models.low_rank import LowRankLinear


@contextmanager
def adapters_cast(model: nn.Module) -> Generator[None]:
    """Within it low-rank terms are held as the forward pass would cast them at every token anyway.

    Outputs are the same bit for bit; the float32 parameters stand again afterwards.
    """
    layers = [item for item in model.modules() if isinstance(item, LowRankLinear) and item.enabled]
    layers = [item for item in layers if item.is_bare]
    kept = [(layer, layer.lora_A.data, layer.lora_B.data) for layer in layers]
    try:
        with torch.inference_mode(mode=False), torch.no_grad():
            for layer, low, high in kept:
                kind = layer.base_dtype
                layer.lora_A.data, layer.lora_B.data = low.to(kind), high.to(kind)
        yield
    finally:
        for layer, low, high in kept:
            layer.lora_A.data, layer.lora_B.data = low, high
