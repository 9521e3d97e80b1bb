"""The part of a matrix that PiSSA trains: its largest singular values and their vectors."""

from __future__ import annotations

import torch
from torch import Tensor

_EXTRA, _ROUNDS = 8, 8
"""Directions drawn beyond the rank, and how often they are turned towards the largest."""


@torch.no_grad()
def principal(
    weight: Tensor, *, rank: int, scaling: float, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """A (R, I) and B (O, R), float32, with scaling * B A the best matrix of this rank to `weight`.

    Both take the square root of the singular values, as in Meng et al. 2024, arXiv:2404.02948,
    equations 2 and 3. Found by turning random directions: Halko et al. 2011, arXiv:0909.4061,
    algorithms 4.4 and 5.1.
    """
    weight_OI = weight.float()
    size = min(rank + _EXTRA, *weight_OI.shape)
    drawn = torch.randn(weight_OI.shape[1], size, generator=generator, device=generator.device)
    basis_OR = torch.linalg.qr(weight_OI @ drawn.to(weight_OI.device))[0]
    for _ in range(_ROUNDS):
        back_IR = torch.linalg.qr(weight_OI.t() @ basis_OR)[0]
        basis_OR = torch.linalg.qr(weight_OI @ back_IR)[0]
    left, values, right = torch.linalg.svd(basis_OR.t() @ weight_OI, full_matrices=False)
    roots_R = (values[:rank] / scaling).sqrt()
    return roots_R[:, None] * right[:rank], (basis_OR @ left[:, :rank]) * roots_R
