"""A frozen linear layer whose outputs or inputs are scaled, number by number: where IA3 lives."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from luthier.models.added import Added

Layer = nn.Linear | Conv1D
"""Conv1D is GPT-2's linear layer, whose weight lies the other way round."""


class ScaledLinear(Added):
    """y = (x W^T + b) * scale, or (x * scale) W^T + b where the inputs are scaled.

    The scale starts at 1, so a fresh layer gives exactly the base's output.
    Source: Liu et al. 2022, arXiv:2205.05638, section 3.3; as in PEFT.
    """

    def __init__(self, base: Layer, *, scales_inputs: bool) -> None:
        super().__init__()
        self.base, self.scales_inputs = base, scales_inputs
        outputs, inputs = sizes(base)
        size = inputs if scales_inputs else outputs
        self.scale = nn.Parameter(torch.ones(size, device=base.weight.device))
        base.requires_grad_(False)

    def forward(self, input: Tensor) -> Tensor:
        if not self.enabled:
            return self.base(input)
        if self.scales_inputs:
            return self.base((input * self.scale).to(input.dtype))
        output = self.base(input)
        return (output * self.scale).to(output.dtype)

    @torch.no_grad()
    def merged(self) -> Layer:
        """The base with the scale in its weight (and bias), rounded once to the type it has."""
        base, scale = self.base, self.scale
        lies_along_inputs = self.scales_inputs != isinstance(base, Conv1D)
        by_axis = scale[None, :] if lies_along_inputs else scale[:, None]
        base.weight.copy_(base.weight.float() * by_axis)
        bias = cast("Tensor | None", base.bias)
        if bias is not None and not self.scales_inputs:
            bias.copy_(bias.float() * scale)
        return base


def sizes(layer: Layer) -> tuple[int, int]:
    """Outputs and inputs."""
    rows, columns = layer.weight.shape
    return (columns, rows) if isinstance(layer, Conv1D) else (rows, columns)
