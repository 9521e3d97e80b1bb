"""Attention that sees both ways inside each sequence of a pack; equal lengths run together.

Letters: N tokens, S sequences of one length, T that length, H heads, E head width.
"""

from __future__ import annotations

from itertools import groupby
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from luthier.models.trunks._attention import softmax_backward


class Group(NamedTuple):
    """`num` sequences of `length` tokens, end to end from token `start`."""

    start: int
    num: int
    length: int

    @property
    def tokens(self) -> slice:
        return slice(self.start, self.start + self.num * self.length)


def groups_of(lengths: tuple[int, ...]) -> list[Group]:
    """Neighbours of equal length; few and large when `lengths` is sorted."""
    found: list[Group] = []
    start = 0
    for length, same in groupby(lengths):
        count = len(list(same))
        found.append(Group(start, count, length))
        start += count * length
    return found


def attend_both_ways(
    qkv_N3HE: Tensor, groups: list[Group], *, dropout: float, scale: float
) -> Tensor:
    """Attention output (N, H * E); dropout on the probabilities, drawn from torch's generator."""
    return cast(Tensor, _TwoSided.apply(qkv_N3HE, groups, dropout, scale))


class _TwoSided(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, qkv_N3HE: Tensor, groups: list[Group], dropout: float, scale: float
    ) -> Tensor:
        ctx.groups, ctx.dropout, ctx.scale = groups, dropout, scale
        output = qkv_N3HE.new_empty(len(qkv_N3HE), *qkv_N3HE.shape[2:])
        kept: list[Tensor] = []
        for group in groups:
            parts = _heads(qkv_N3HE, group)
            q, k, v = parts
            weights = torch.softmax(torch.bmm(q, k.mT).mul_(scale), -1)
            mask = _mask(weights, dropout)
            mixed = torch.bmm(weights if mask is None else weights * mask, v)
            _to_tokens(mixed, group, output)
            kept += [parts, weights, weights.new_empty(0) if mask is None else mask]
        if ctx.needs_input_grad[0]:
            ctx.save_for_backward(*kept)
        return output.flatten(1)

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, *upstream: Tensor
    ) -> tuple[Tensor | None, ...]:
        saved = ctx.saved_tensors
        heads, width = saved[0].shape[1] // ctx.groups[0].num, saved[0].shape[3]
        total_NHE = upstream[0].unflatten(1, (heads, width))
        d_qkv = upstream[0].new_empty(len(total_NHE), 3, heads, width)
        for index, group in enumerate(ctx.groups):
            (q, k, v), weights, mask = saved[3 * index : 3 * index + 3]
            d_mixed = _from_tokens(total_NHE, group)
            dropped = weights * mask if mask.numel() else weights
            d_weights = torch.bmm(d_mixed, v.mT)
            d_weights = d_weights.mul_(mask) if mask.numel() else d_weights
            slopes = softmax_backward(d_weights, weights)
            slopes.mul_(ctx.scale)
            parts = (
                torch.bmm(slopes, k),
                torch.bmm(slopes.mT, q),
                torch.bmm(dropped.mT, d_mixed),
            )
            for place, part in enumerate(parts):
                _to_tokens(part, group, d_qkv[:, place])
        return d_qkv, None, None, None


def _heads(qkv_N3HE: Tensor, group: Group) -> Tensor:
    """Queries, keys and values as a copy (3, S * H, T, E)."""
    part = qkv_N3HE[group.tokens].unflatten(0, (group.num, group.length))
    return part.permute(2, 0, 3, 1, 4).contiguous().flatten(1, 2)


def _to_tokens(heads_STE: Tensor, group: Group, onto_NHE: Tensor) -> None:
    """Write (S * H, T, E) where the tokens of the group are."""
    target = onto_NHE[group.tokens].unflatten(0, (group.num, group.length))
    target.copy_(heads_STE.unflatten(0, (group.num, -1)).transpose(1, 2))


def _from_tokens(values_NHE: Tensor, group: Group) -> Tensor:
    part = values_NHE[group.tokens].unflatten(0, (group.num, group.length))
    return part.transpose(1, 2).contiguous().flatten(0, 1)


def _mask(weights: Tensor, dropout: float) -> Tensor | None:
    """1 / (1 - dropout) where a probability stays, else 0."""
    if not dropout:
        return None
    return torch.empty_like(weights).bernoulli_(1 - dropout).div_(1 - dropout)
