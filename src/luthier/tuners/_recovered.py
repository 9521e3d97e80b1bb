"""Where the terms beside a rounded base begin: at the best part of what rounding takes.

Sources: LoftQ: Li et al. 2023, arXiv:2310.08659, one step of algorithm 1. QERA: Zhang et al. 2024,
arXiv:2410.06040, theorem 1, with a small multiple of the unit matrix added to the moments.
"""

from __future__ import annotations

import math
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
) -> tuple[Tensor, Tensor] | None:
    """A (R, I) and B (O, R), float32, with scaling * B A the best of this rank for what rounding
    takes from the weight; with the root of the moments of the inputs, best for the outputs.
    None where rounding takes nothing.

    A is as large as LoRA draws it, so that the same learning rate is right: under Adam, B moves the
    term by that times the size of A.
    """
    assert isinstance(layer, nn.Linear)  # nothing is rounded yet
    lost_OI = layer.weight.float() - QuantisedLinear(layer, bits=bits).weight.float()
    if not lost_OI.any():
        return None
    weighed_OI = lost_OI if root_II is None else lost_OI @ root_II
    near_RI, B_OR = principal(weighed_OI, rank=rank, scaling=scaling, generator=generator)
    if root_II is not None:
        near_RI = torch.linalg.solve_triangular(root_II, near_RI, upper=False, left=False)
    larger = near_RI.square().mean().sqrt() * math.sqrt(3 * near_RI.shape[1])
    return near_RI / larger, B_OR * larger
