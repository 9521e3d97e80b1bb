"""Causal attention inside each sequence of a pack, as batched products with softmax.

Each sequence costs its own length squared, halved by leaving out key blocks that lie wholly in
the future. Letters: N tokens, K key heads, G queries per key head, E head width.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

_BLOCK = 128
_ALIGN = 32
"""Rows of scores are a multiple of this many keys: softmax is much slower on ragged ends."""


@dataclass(frozen=True, slots=True)
class Pack:
    """Where the sequences of a pack lie, and the rotation of every token."""

    lengths: tuple[int, ...]
    cos: Tensor
    sin: Tensor
    """(N, E / 2), float32."""
    mask: Tensor
    """(Q, C): 0 where query q of a block may see key c of the same block, else minus infinity."""
    keeps: bool
    """Probabilities are kept for the backward pass instead of formed again."""

    @property
    def num_tokens(self) -> int:
        return sum(self.lengths)

    @property
    def num_keys(self) -> int:
        """Rows that key and value tensors must have: the last sequence may look past its end."""
        return self.num_tokens + _ALIGN

    def blocks(self) -> Iterator[Block]:
        """Query blocks, the last one of each sequence first."""
        start = 0
        for length in self.lengths:
            for first in reversed(range(0, length, _BLOCK)):
                last = min(first + _BLOCK, length)
                yield Block(start, first, last, -(-last // _ALIGN) * _ALIGN, last == length)
            start += length


class Block(NamedTuple):
    """Queries `first` to `last` of the sequence that starts at `start`; they see `last` keys."""

    start: int
    first: int
    last: int
    keys: int
    """`last` rounded up; the keys beyond are masked."""
    is_longest: bool
    """Its keys include those of all other blocks of the sequence."""


def softmax_backward(upstream: Tensor, probabilities: Tensor) -> Tensor:
    """Gradient of the scores of a softmax over the last axis: torch's own fused kernel."""
    return torch.ops.aten._softmax_backward_data(upstream, probabilities, -1, upstream.dtype)


def causal_mask(dtype: torch.dtype, device: torch.device) -> Tensor:
    """The mask of one diagonal block, (block, block + alignment)."""
    shape = (_BLOCK, _BLOCK + _ALIGN)
    return torch.full(shape, float("-inf"), dtype=dtype, device=device).triu(1)


def attend(
    q_KNGE: Tensor, k_KNE: Tensor, v_KNE: Tensor, pack: Pack, *, window: int
) -> tuple[Tensor, list[Tensor]]:
    """Attention output (K, N, G, E), and the probabilities of every block where they are kept.

    Queries carry the scale already, and see the last `window` keys (0: all); keys and values
    have `pack.num_keys` finite rows.
    """
    output_KNGE = torch.empty_like(q_KNGE)
    kept: list[Tensor] = []
    for block in pack.blocks():
        probabilities = _probabilities(q_KNGE, k_KNE, block, pack, window)
        rows, keys = _rows(block), _keys(block)
        torch.bmm(probabilities, v_KNE[:, keys], out=output_KNGE[:, rows].flatten(1, 2))
        if pack.keeps:
            kept.append(probabilities)
    return output_KNGE, kept


def attend_backward(
    upstream_KNGE: Tensor,
    q_KNGE: Tensor,
    k_KNE: Tensor,
    v_KNE: Tensor,
    pack: Pack,
    kept: list[Tensor],
    *,
    window: int,
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of q (K, N, G, E), k and v (K, N, E)."""
    dq_KNGE = torch.empty_like(q_KNGE)
    dk_KNE, dv_KNE = torch.empty_like(k_KNE), torch.empty_like(v_KNE)
    for place, block in enumerate(pack.blocks()):
        probabilities = kept[place] if kept else _probabilities(q_KNGE, k_KNE, block, pack, window)
        rows, keys, seen = _rows(block), _keys(block), slice(block.start, block.start + block.last)
        upstream = upstream_KNGE[:, rows].flatten(1, 2)
        shares = torch.bmm(upstream, v_KNE[:, keys].mT)
        slopes = softmax_backward(shares, probabilities)
        torch.bmm(slopes, k_KNE[:, keys], out=dq_KNGE[:, rows].flatten(1, 2))
        # the longest block comes first and writes; the others add to a part of what it wrote
        beta = 0 if block.is_longest else 1
        _add(dk_KNE[:, seen], slopes[..., : block.last].mT, q_KNGE[:, rows].flatten(1, 2), beta)
        _add(dv_KNE[:, seen], probabilities[..., : block.last].mT, upstream, beta)
    num = q_KNGE.shape[1]
    return dq_KNGE, dk_KNE[:, :num], dv_KNE[:, :num]


def _probabilities(q_KNGE: Tensor, k_KNE: Tensor, block: Block, pack: Pack, window: int) -> Tensor:
    """(K, queries * G, keys)"""
    queries_KQGE = q_KNGE[:, _rows(block)]
    scores = torch.bmm(queries_KQGE.flatten(1, 2), k_KNE[:, _keys(block)].mT)
    num_queries, num_new = block.last - block.first, block.keys - block.first
    scores_KQGC = scores.unflatten(1, queries_KQGE.shape[1:3])
    scores_KQGC[..., block.first :] += pack.mask[:num_queries, None, :num_new]
    if window and block.last > window:
        queries = torch.arange(block.first, block.last, device=scores.device)[:, None, None]
        age_Q1C = queries - torch.arange(block.keys, device=scores.device)
        scores_KQGC.masked_fill_(age_Q1C >= window, float("-inf"))
    return torch.softmax(scores, -1)


def _add(onto: Tensor, left: Tensor, right: Tensor, beta: int) -> None:
    torch.baddbmm(onto, left, right, beta=beta, out=onto)


def _rows(block: Block) -> slice:
    return slice(block.start + block.first, block.start + block.last)


def _keys(block: Block) -> slice:
    return slice(block.start, block.start + block.keys)
