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
ALIGN = 32
"""Rows of scores are a multiple of this many keys: softmax is much slower on ragged ends."""


@dataclass(frozen=True, slots=True)
class Pack:
    """Where the sequences of a pack lie, and the rotation of every token."""

    lengths: tuple[int, ...]
    cos: Tensor
    sin: Tensor
    """(N, E / 2), float32. N may be more than the sequences have: rows that fill the pack up, which
    see nothing and are seen by none."""
    mask: Tensor
    """(Q, C): 0 where query q of a block may see key c of the same block, else minus infinity."""
    keeps: bool
    """Probabilities are kept for the backward pass instead of formed again."""
    key_index: Tensor | None = None
    """Token of every key, where sequences share a beginning; None: every token is its own key."""
    before: tuple[int, ...] = ()
    """Keys that each sequence sees before its own: those of the beginning that it goes on from.
    Empty: none."""

    @property
    def num_tokens(self) -> int:
        return sum(self.lengths)

    @property
    def num_keys(self) -> int:
        """Rows that key and value tensors must have: the last sequence may look past its end."""
        return self.num_tokens + sum(self.before) + ALIGN

    def blocks(self) -> Iterator[Block]:
        """Query blocks, the last one of each sequence first."""
        start, start_key = 0, 0
        for length, before in zip(self.lengths, self.before or (0,) * len(self.lengths)):
            for first in reversed(range(0, length, _BLOCK)):
                last = min(first + _BLOCK, length)
                size = -(-(last - first) // ALIGN) * ALIGN
                queries = slice(start + first, start + first + size)
                yield Block(queries, start_key, before + first, before + last, last == length)
            start, start_key = start + length, start_key + before + length


class Block(NamedTuple):
    """Neighbouring queries of one sequence, whose keys start at `start_key`.

    Their number is rounded up, so that few shapes of products come up; those beyond the sequence
    see nothing, and what is written for them is zero, and written over by the next sequence.
    """

    queries: slice
    start_key: int
    first: int
    """Keys that all queries see."""
    last: int
    """Keys that the last query sees."""
    is_longest: bool
    """Its keys include those of all other blocks of the sequence."""

    @property
    def num_keys(self) -> int:
        """`last` rounded up; the keys beyond are masked."""
        return -(-self.last // ALIGN) * ALIGN

    @property
    def keys(self) -> slice:
        return slice(self.start_key, self.start_key + self.num_keys)


def softmax_backward(upstream: Tensor, probabilities: Tensor) -> Tensor:
    """Gradient of the scores of a softmax over the last axis: torch's own fused kernel."""
    return torch.ops.aten._softmax_backward_data(upstream, probabilities, -1, upstream.dtype)


def causal_mask(dtype: torch.dtype, device: torch.device) -> Tensor:
    """The mask of one diagonal block, (block, block + alignment)."""
    shape = (_BLOCK, _BLOCK + ALIGN)
    return torch.full(shape, float("-inf"), dtype=dtype, device=device).triu(1)


def attend(
    q_KNGE: Tensor, k_KNE: Tensor, v_KNE: Tensor, pack: Pack, *, window: int
) -> tuple[Tensor, list[Tensor]]:
    """Attention output (K, N, G, E), and the probabilities of every block where they are kept.

    Queries carry the scale already, and see the last `window` keys (0: all); keys and values
    have `pack.num_keys` finite rows.
    """
    output_KNGE = torch.empty_like(q_KNGE)
    output_KNGE[:, pack.num_tokens :] = 0
    kept: list[Tensor] = []
    for block in pack.blocks():
        probabilities = _probabilities(q_KNGE, k_KNE, block, pack, window)
        mixed = output_KNGE[:, block.queries].flatten(1, 2)
        torch.bmm(probabilities, v_KNE[:, block.keys], out=mixed)
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
    dq_KNGE[:, pack.num_tokens :] = 0
    dk_KNE[:, pack.num_keys - ALIGN :], dv_KNE[:, pack.num_keys - ALIGN :] = 0, 0
    for place, block in enumerate(pack.blocks()):
        probabilities = kept[place] if kept else _probabilities(q_KNGE, k_KNE, block, pack, window)
        rows, keys = block.queries, block.keys
        upstream = upstream_KNGE[:, rows].flatten(1, 2)
        shares = torch.bmm(upstream, v_KNE[:, keys].mT)
        slopes = softmax_backward(shares, probabilities)
        torch.bmm(slopes, k_KNE[:, keys], out=dq_KNGE[:, rows].flatten(1, 2))
        # the longest block comes first and writes; the others add to a part of what it wrote
        beta = 0 if block.is_longest else 1
        _add(dk_KNE[:, keys], slopes.mT, q_KNGE[:, rows].flatten(1, 2), beta)
        _add(dv_KNE[:, keys], probabilities.mT, upstream, beta)
    return dq_KNGE, _to_tokens(dk_KNE, pack), _to_tokens(dv_KNE, pack)


def with_shared(own_KNE: Tensor, pack: Pack) -> Tensor:
    """Keys or values of the tokens as `pack.num_keys` rows, those of a shared beginning repeated.

    Where nothing is shared they have these rows already.
    """
    if pack.key_index is None:
        return own_KNE
    padding = pack.key_index.new_zeros(ALIGN)
    return own_KNE[:, torch.cat((pack.key_index, padding))]


def _to_tokens(gradient_KCE: Tensor, pack: Pack) -> Tensor:
    """Gradient by key -> by token, what belongs to one token summed in float32."""
    own_KCE = gradient_KCE[:, :-ALIGN]
    if pack.key_index is None:
        return own_KCE
    shape = (len(own_KCE), len(pack.cos) + ALIGN, own_KCE.shape[-1])
    total = own_KCE.new_zeros(shape, dtype=torch.float32)
    total.index_add_(1, pack.key_index, own_KCE.float())
    return total.to(own_KCE.dtype)[:, :-ALIGN]


def _probabilities(q_KNGE: Tensor, k_KNE: Tensor, block: Block, pack: Pack, window: int) -> Tensor:
    """(K, queries * G, keys)"""
    queries_KQGE = q_KNGE[:, block.queries]
    scores = torch.bmm(queries_KQGE.flatten(1, 2), k_KNE[:, block.keys].mT)
    num_queries, num_new = queries_KQGE.shape[1], block.num_keys - block.first
    scores_KQGC = scores.unflatten(1, queries_KQGE.shape[1:3])
    scores_KQGC[..., block.first :] += pack.mask[:num_queries, None, :num_new]
    if window and block.last > window:
        queries = block.first + torch.arange(num_queries, device=scores.device)[:, None, None]
        age_Q1C = queries - torch.arange(block.num_keys, device=scores.device)
        scores_KQGC.masked_fill_(age_Q1C >= window, float("-inf"))
    probabilities = torch.softmax(scores, -1)
    num_groups = queries_KQGE.shape[2]
    probabilities[:, (block.last - block.first) * num_groups :] = 0
    return probabilities


def _add(onto: Tensor, left: Tensor, right: Tensor, beta: int) -> None:
    torch.baddbmm(onto, left, right, beta=beta, out=onto)
