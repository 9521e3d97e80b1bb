"""Linear layers in all their forms: torch's own, stored in few bits, and lying the other way."""

from __future__ import annotations

from typing import TypeAlias, cast

import torch
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from luthier.models.quantised import QuantisedLinear


class TurnedLinear(nn.Module):
    """GPT-2's Conv1D, whose weight is (I, O), read as the linear layer that it is."""

    def __init__(self, layer: Conv1D) -> None:
        super().__init__()
        self.layer = layer
        self.in_features, self.out_features = layer.weight.shape

    @property
    def weight(self) -> Tensor:
        """W (O, I), a view."""
        return self.layer.weight.t()

    @property
    def bias(self) -> Tensor:
        """b (O,)."""
        return self.layer.bias

    @property
    def dtype(self) -> torch.dtype:
        """Type of `weight`."""
        return self.layer.weight.dtype

    def forward(self, input: Tensor) -> Tensor:
        return cast(Tensor, self.layer(input))

    def plain(self) -> Conv1D:
        """The layer itself."""
        return self.layer


Linear: TypeAlias = nn.Linear | QuantisedLinear | TurnedLinear
"""A layer that a tuner may add to."""


def linear(module: nn.Module) -> Linear | None:
    """The module as a linear layer, where it is one."""
    if isinstance(module, Conv1D):
        return TurnedLinear(module)
    return module if isinstance(module, nn.Linear | QuantisedLinear) else None


def parameter_of(layer: Linear) -> nn.Parameter | None:
    """What holds the weight as it lies in the model; None where it is stored in few bits."""
    inner = layer.layer if isinstance(layer, TurnedLinear) else layer
    return None if isinstance(inner, QuantisedLinear) else cast(nn.Parameter, inner.weight)


@torch.no_grad()
def added(layer: Linear, change_OI: Tensor) -> nn.Module:
    """The ordinary layer of the model, `change_OI` added to its weight in place: the sum is taken
    in float32 and rounded once."""
    plain = layer if isinstance(layer, nn.Linear) else layer.plain()
    weight_OI = plain.weight.t() if isinstance(plain, Conv1D) else plain.weight
    weight_OI.copy_(weight_OI.float() + change_OI.to(weight_OI.device))
    return plain
