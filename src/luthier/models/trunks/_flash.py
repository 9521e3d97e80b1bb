"""Attention inside all documents of a pack by one kernel: torch's variable-length flash attention.

CUDA only. Letters: N tokens, H heads of queries, K heads of keys, E head width.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor
from torch.nn.attention.varlen import varlen_attn

_OLDEST = (8, 0)
"""Compute capability of Ampere, the first generation that the kernel is written for."""
_WIDEST = 256
"""Largest head that it holds in shared memory."""
_ALIGN = 8
"""Heads are read in pieces of this many elements."""


def takes(q_HNE: Tensor) -> bool:
    """Whether the kernel runs queries like these, as they are or under autocast."""
    width = q_HNE.shape[-1]
    return (
        q_HNE.is_cuda
        and _dtype(q_HNE) in (torch.bfloat16, torch.float16)
        and width <= _WIDEST
        and width % _ALIGN == 0
        and torch.cuda.get_device_capability(q_HNE.device) >= _OLDEST
    )


def attend(
    q_HNE: Tensor,
    k_KNE: Tensor,
    v_KNE: Tensor,
    lengths: Sequence[int],
    key_lengths: Sequence[int],
    *,
    is_causal: bool,
    window: int,
    scaling: float,
) -> Tensor:
    """Attention output (N, H, E); a causal query sees the last `window` keys (0: all),
    any other those less than `window` away.

    Keys of a document are as many as its queries, or more: the last are those of the queries.
    Source: Dao, 2023, arXiv:2307.08691, over documents laid end to end.
    """
    dtype, longest = _dtype(q_HNE), max(key_lengths)
    # the kernel counts the keys before the query itself
    before = window - 1 if window and window < longest else -1
    mixed = varlen_attn(
        q_HNE.transpose(0, 1).to(dtype),
        k_KNE.transpose(0, 1).to(dtype),
        v_KNE.transpose(0, 1).to(dtype),
        _starts(lengths, q_HNE.device),
        _starts(key_lengths, q_HNE.device),
        max(lengths),
        longest,
        scale=scaling,
        window_size=(before, 0 if is_causal else before),
        enable_gqa=q_HNE.shape[0] != k_KNE.shape[0],
    )
    return cast(Tensor, mixed)  # a pair only where more is asked for


def _starts(lengths: Sequence[int], device: torch.device) -> Tensor:
    return torch.tensor([0, *itertools.accumulate(lengths)], dtype=torch.int32, device=device)


def _dtype(q_HNE: Tensor) -> torch.dtype:
    """What the kernel is given: rotations under autocast may leave float32 behind."""
    device = q_HNE.device.type
    is_wide = q_HNE.dtype == torch.float32 and torch.is_autocast_enabled(device)
    return torch.get_autocast_dtype(device) if is_wide else q_HNE.dtype
