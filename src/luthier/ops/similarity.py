"""How alike vectors are, in pairs and each with each.

Letters: B and M vectors, D width.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional


def unit(vectors_BD: Tensor) -> Tensor:
    """The same directions at length 1 (at least 1e-12 is divided by)."""
    return functional.normalize(vectors_BD, dim=-1)


def cosines(one_BD: Tensor, other_BD: Tensor) -> Tensor:
    """Cosine (B,) of each vector with its partner."""
    return (unit(one_BD) * unit(other_BD)).sum(-1)


def cosine_table(one_BD: Tensor, other_MD: Tensor) -> Tensor:
    """Cosine (B, M) of each vector with each other."""
    return unit(one_BD) @ unit(other_MD).T
