"""A frozen linear layer with a trained low-rank term: the one form in which LoRA lives here."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class LowRankLinear(nn.Module):
    """y = x W^T + b + scaling * dropout(x) A^T B^T; A (rank, in), B (out, rank), both float32.

    B starts at zero, so a fresh layer gives exactly the base's output. `enabled=False` gives the
    base back. Trunks that fold the term into the frozen product read `base`, `lora_A`, `lora_B`,
    `scaling`, `dropout` and `enabled`.
    Source: Hu et al. 2021, arXiv:2106.09685, equation 3; names and initialisation as in PEFT.
    """

    def __init__(self, base: nn.Linear, *, rank: int, scaling: float, dropout: float = 0.0) -> None:
        super().__init__()
        self.base = base
        self.rank, self.scaling, self.dropout, self.enabled = rank, scaling, dropout, True
        device = base.weight.device
        self.lora_A = nn.Parameter(torch.empty(rank, base.in_features, device=device))
        self.lora_B = nn.Parameter(torch.zeros(base.out_features, rank, device=device))
        base.requires_grad_(False)

    def reset(self, generator: torch.Generator) -> None:
        """Draw A anew as `kaiming_uniform_(a=sqrt(5))` does; B becomes zero.

        Drawn where the generator lives, so that every device starts from the same numbers.
        """
        start = torch.empty(self.lora_A.shape, device=generator.device)
        nn.init.kaiming_uniform_(start, a=math.sqrt(5), generator=generator)
        with torch.no_grad():
            self.lora_A.copy_(start)
        nn.init.zeros_(self.lora_B)

    def forward(self, input: Tensor) -> Tensor:
        output = self.base(input)
        if not self.enabled:
            return output
        lowered = nn.functional.dropout(input, self.dropout, self.training)
        lowered = nn.functional.linear(lowered, self.lora_A.to(input.dtype))
        return output + nn.functional.linear(lowered, self.lora_B.to(input.dtype)) * self.scaling

    def delta(self) -> Tensor:
        """What merging adds to the base weight: scaling * B A, float32 (out, in)."""
        return (self.lora_B.float() @ self.lora_A.float()) * self.scaling
