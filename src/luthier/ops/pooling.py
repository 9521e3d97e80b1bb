"""One vector for each sequence from the vectors of its tokens, laid end to end.

Letters: N tokens, M tokens looked at, B sequences, D width.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import torch
from torch import Tensor

How = Literal["mean", "first", "last", "max"]
WAYS: tuple[How, ...] = get_args(How)


def looked_at(lengths: Sequence[int], how: How) -> Tensor | None:
    """Tokens (M,) that `pooled` needs, sorted; None: all of them."""
    ends = torch.tensor(lengths).cumsum(0)
    if how == "first":
        return ends - torch.tensor(lengths)
    return ends - 1 if how == "last" else None


def pooled(hidden_MD: Tensor, lengths: Sequence[int], how: How) -> Tensor:
    """Vectors (B, D) in float32 from the tokens that `looked_at` names.

    Shapes: hidden (M, D) of any float type, lengths B numbers above 0.
    Source: Reimers and Gurevych 2019, arXiv:1908.10084, section 3 (mean, first and max); the last
    token of a decoder, which alone has seen all others: Neelakantan et al. 2022, arXiv:2201.10005.
    """
    hidden_MD = hidden_MD.float()
    if how in ("first", "last"):
        return hidden_MD
    if how == "max":
        return torch.stack([part.amax(0) for part in hidden_MD.split(list(lengths))])
    sizes_B = torch.tensor(lengths, device=hidden_MD.device)
    owner_N = torch.repeat_interleave(torch.arange(len(lengths), device=sizes_B.device), sizes_B)
    sums_BD = hidden_MD.new_zeros(len(lengths), hidden_MD.shape[1])
    return sums_BD.index_add(0, owner_N, hidden_MD) / sizes_B[:, None]
