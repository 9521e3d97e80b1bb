"""From float32 to a shorter type so that small changes survive on average: stochastic rounding.

What training adds to a weight is often smaller than half the distance to the next bfloat16 number.
Rounding to the nearest would then give the base model back, everywhere and in one direction; a
weight rounded at random keeps the sum of many small changes.
Source: Gupta et al., 2015, arXiv:1502.02551, section 3.1.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from luthier.models.linear import TurnedLinear, parameter_of
from luthier.models.low_rank import LowRankLinear

_DROPPED_BITS = 16
"""Low bits of a float32 that bfloat16 has no room for."""


def rounded(weight: Tensor, generator: torch.Generator) -> Tensor:
    """bfloat16 neighbours of float32 `weight`, the nearer one more often; its mean is `weight`.

    What bfloat16 holds exactly comes back as it is.
    """
    bits = weight.contiguous().view(torch.int32)
    draws = torch.randint(0, 1 << _DROPPED_BITS, bits.shape, dtype=torch.int32, generator=generator)
    kept = (bits + draws.to(bits.device)) & -(1 << _DROPPED_BITS)
    return kept.view(torch.float32).to(torch.bfloat16)


def store(model: nn.Module, dtype: torch.dtype, *, seed: int = 0) -> None:
    """Give every floating weight of `model` the type `dtype`: bfloat16 by `rounded`, or float32."""
    generator = torch.Generator().manual_seed(seed)
    for tensor in [*model.parameters(), *model.buffers()]:
        if tensor.dtype == torch.float32 and dtype == torch.bfloat16:
            tensor.data = rounded(tensor.data, generator)
        elif tensor.is_floating_point():
            tensor.data = tensor.data.to(dtype)


def disturb(model: nn.Module, *, seed: int) -> None:
    """Add to the weights of a float32 `model` the errors that `store` would make, drawn anew.

    Where there are adapters the errors are those of the merged weight, and the adapters stay.
    """
    generator = torch.Generator().manual_seed(seed)
    terms = [part for part in model.modules() if isinstance(part, LowRankLinear)]
    added = {id(weight): part for part in terms if (weight := parameter_of(part.base)) is not None}
    inside = {id(p) for part in terms for p in part.parameters(recurse=False)}
    for parameter in model.parameters():
        if id(parameter) in inside:
            continue
        layer = added.get(id(parameter))
        weight = parameter.data if layer is None else parameter.data + _change(layer)
        parameter.data = parameter.data + (rounded(weight, generator).float() - weight)


def _change(layer: LowRankLinear) -> Tensor:
    """What merging adds, lying as the layer's own parameter lies."""
    change_OI = layer.delta().detach()
    return change_OI.t() if isinstance(layer.base, TurnedLinear) else change_OI
