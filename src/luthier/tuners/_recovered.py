"""Where the terms beside a rounded base begin: at the best part of what rounding takes.

Sources: LoftQ: Li et al. 2023, arXiv:2310.08659, one step of algorithm 1. QERA: Zhang et al. 2024,
arXiv:2410.06040, theorem 1, with a small multiple of the unit matrix added to the moments.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from luthier.models.linear import Linear
from luthier.models.quantised import Bits, QuantisedLinear
from luthier.tuners._principal import principal

_RIDGE = 1e-3
"""Of the mean square of inputs, added to all: rows to come may use what these did not."""


def portions(layers: Mapping[str, Linear], *, max_bytes: int) -> list[list[str]]:
    """Names in runs whose moments take at most so many bytes; at least one in each."""
    found: list[list[str]] = []
    held = max_bytes
    for name, layer in layers.items():
        needed = 4 * layer.in_features**2
        if held + needed > max_bytes:
            found.append([])
            held = 0
        found[-1].append(name)
        held += needed
    return found


def root_of(moments_II: Tensor) -> Tensor | None:
    """Lower root of the moments of inputs; None where nothing but zeros came in."""
    ridge_I = _RIDGE * moments_II.diagonal().mean().expand(len(moments_II))
    root_II = torch.linalg.cholesky_ex(moments_II + ridge_I.diag())[0]
    return root_II if root_II.diagonal().all() else None


@torch.no_grad()
def nearest(
    layer: Linear,
    *,
    bits: Bits,
    rank: int,
    scaling: float,
    generator: torch.Generator,
    root_II: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """A (R, I) and B (O, R), float32, with scaling * B A the best of this rank for what rounding
    takes from the weight; with the root of the moments of the inputs, best for the outputs.
    """
    assert isinstance(layer, nn.Linear)  # nothing is rounded yet
    lost_OI = layer.weight.float() - QuantisedLinear(layer, bits=bits).weight.float()
    if root_II is None:
        return principal(lost_OI, rank=rank, scaling=scaling, generator=generator)
    turned_RI, B_OR = principal(lost_OI @ root_II, rank=rank, scaling=scaling, generator=generator)
    return torch.linalg.solve_triangular(root_II, turned_RI, upper=False, left=False), B_OR
