"""A frozen linear layer with a trained low-rank term: the one form in which LoRA lives here.

Letters: I inputs, O outputs, R rank of the term (twice the trained rank where it has a start).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from luthier.models.linear import Linear

A, B, MAGNITUDE, START_A, START_B = "lora_A", "lora_B", "magnitude", "start_A", "start_B"


class LowRankLinear(nn.Module):
    """y = x W^T + b + scaling * dropout(x) A^T B^T; A (rank, in), B (out, rank), both float32.

    B starts at zero, so a fresh layer gives exactly the base's output. `enabled=False` gives the
    base back. Trunks that fold the term into the frozen product read `base`, `factors`,
    `gradients`, `scaling` and `enabled`, where `is_folded` allows it; others call `adapt`.
    Source: Hu et al. 2021, arXiv:2106.09685, equation 3; names and initialisation as in PEFT.
    """

    def __init__(self, base: Linear, *, rank: int, scaling: float, dropout: float = 0.0) -> None:
        super().__init__()
        self.base = base
        self.rank, self.scaling, self.dropout, self.enabled = rank, scaling, dropout, True
        device = next(iter(base.state_dict().values())).device
        self.lora_A = nn.Parameter(torch.empty(rank, base.in_features, device=device))
        self.lora_B = nn.Parameter(torch.zeros(base.out_features, rank, device=device))
        self.magnitude: nn.Parameter | None = None
        self.start_A: Tensor | None
        self.start_B: Tensor | None
        self.register_buffer(START_A, None)
        self.register_buffer(START_B, None)
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

    @torch.no_grad()
    def start_from(self, A_RI: Tensor, B_OR: Tensor) -> None:
        """Train changes dA, dB of a start A0, B0: the term is (B0 + dB)(A0 + dA) - B0 A0.

        It is formed as dB (A0 + dA) + B0 dA, which is zero at first without any cancellation, and
        keeps every digit of a small change in short types. The base weight stays as it is.
        """
        self.start_A, self.start_B = A_RI.to(self.lora_A), B_OR.to(self.lora_B)
        self.lora_A.zero_()
        self.lora_B.zero_()

    @torch.no_grad()
    def weigh(self) -> None:
        """Train the length of every row of the adapted weight apart from its direction (DoRA).

        Source: Liu et al. 2024, arXiv:2402.09353, equation 5, and section 4.3: the length that
        the direction is divided by gets no gradient.
        """
        self.magnitude = nn.Parameter(self._lengths(*self.factors()))

    @property
    def is_folded(self) -> bool:
        """Whether the layer is one frozen matrix and a low-rank one, and nothing else."""
        return self.magnitude is None and not self.dropout

    @property
    def is_bare(self) -> bool:
        """Whether A and B are used as they are stored: no start, no lengths."""
        return self.magnitude is None and self.start_A is None

    @property
    def base_dtype(self) -> torch.dtype:
        """Type in which the base's weight is used."""
        return self.base.weight.dtype if isinstance(self.base, nn.Linear) else self.base.dtype

    @property
    def width(self) -> int:
        """R: rows of the first of `factors`."""
        return self.rank if self.start_A is None else 2 * self.rank

    def factors(self) -> tuple[Tensor, Tensor]:
        """A (R, I) and B (O, R) of the whole term, differentiable."""
        if self.start_A is None or self.start_B is None:
            return self.lora_A, self.lora_B
        return (
            torch.cat([self.start_A + self.lora_A, self.lora_A]),
            torch.cat([self.lora_B, self.start_B], 1),
        )

    def gradients(self, d_A_RI: Tensor, d_B_OR: Tensor) -> tuple[Tensor, Tensor]:
        """Gradients of `lora_A` and `lora_B` from those of `factors`."""
        if self.start_A is None:
            return d_A_RI, d_B_OR
        return d_A_RI[: self.rank] + d_A_RI[self.rank :], d_B_OR[:, : self.rank]

    def forward(self, input: Tensor) -> Tensor:
        return self.adapt(input, self.base(input))

    def adapt(self, input: Tensor, output: Tensor) -> Tensor:
        """The output of the layer, from its input and what the base alone gives for it."""
        if not self.enabled:
            return output
        A_RI, B_OR = self.factors()
        seen = nn.functional.dropout(input, self.dropout, self.training)
        lowered = nn.functional.linear(seen, A_RI.to(input.dtype))
        term = nn.functional.linear(lowered, B_OR.to(input.dtype)) * self.scaling
        if self.magnitude is None:
            return output + term
        share_O = self._share(A_RI, B_OR).to(output.dtype)
        is_dropped = bool(self.dropout) and self.training
        return output + (share_O - 1) * self._plain(seen, output, is_dropped) + share_O * term

    def delta(self) -> Tensor:
        """What merging adds to the base weight: scaling * B A where no lengths are trained,
        float32 (out, in)."""
        A_RI, B_OR = self.factors()
        change = (B_OR.float() @ A_RI.float()) * self.scaling
        if self.magnitude is None:
            return change
        weight = self.base.weight.float()
        return self._share(A_RI, B_OR).float()[:, None] * (weight + change) - weight

    def _plain(self, seen: Tensor, output: Tensor, is_dropped: bool) -> Tensor:
        """x W^T without the bias, with the inputs that the term sees."""
        if is_dropped:
            return nn.functional.linear(seen, self.base.weight.to(seen.dtype))
        bias = self.base.bias
        return output if bias is None else output - bias.to(output.dtype)

    def _share(self, A_RI: Tensor, B_OR: Tensor) -> Tensor:
        """Trained length over present length of every row (O,)."""
        assert self.magnitude is not None
        return self.magnitude / self._lengths(A_RI.detach(), B_OR.detach())

    @torch.no_grad()
    def _lengths(self, A_RI: Tensor, B_OR: Tensor) -> Tensor:
        """Length of every row of W + scaling * B A (O,), float32, without forming the sum:
        ||w||^2 + 2 s (W A^T) . B + s^2 (B A A^T) . B, row by row."""
        weight_OI, scaled_OR = self.base.weight.detach(), B_OR.float() * self.scaling
        own_O = torch.linalg.vector_norm(weight_OI, dim=1, dtype=torch.float32).square()
        mixed_OR = (weight_OI @ A_RI.to(weight_OI.dtype).t()).float()
        added_OR = scaled_OR @ (A_RI.float() @ A_RI.float().t())
        squares_O = own_O + ((2 * mixed_OR + added_OR) * scaled_OR).sum(1)
        return squares_O.clamp_min(0).sqrt()
