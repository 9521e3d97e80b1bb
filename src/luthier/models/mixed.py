"""Models whose weights have two types: short where they are frozen, float32 where they move."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import nn

from luthier.models.added import added_to
from luthier.models.low_rank import LowRankLinear

Types = frozenset[torch.dtype]


def types_of(model: nn.Module) -> Types:
    """Types of all weights but those of added parts, which come to the type of their input."""
    added = {id(weight) for part in added_to(model).values() for weight in part.added()}
    return frozenset(
        weight.dtype
        for module in model.modules()
        if not isinstance(module, LowRankLinear)
        for weight in module.parameters(recurse=False)
        if id(weight) not in added
    )


def products(types: Types, device: torch.device) -> AbstractContextManager[Any]:
    """Within it a model with weights of these types runs: products in the shortest of them."""
    if len(types) < 2:
        return nullcontext()
    shortest = min(types, key=lambda dtype: dtype.itemsize)
    return torch.autocast(device.type, dtype=shortest)
