"""Attention that sees both ways inside each sequence of a pack; sequences of like length together.

Letters: N tokens, S sequences of a group, T tokens of its longest, H heads, E head width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from luthier.models.trunks._attention import softmax_backward
from luthier.models.trunks._dropout import keep_mask

_WASTE = 4096
"""Padded scores a head may form for nothing before another group is cheaper."""


@dataclass(frozen=True, slots=True)
class Group:
    """Sequences end to end from token `start`, the shortest first."""

    start: int
    lengths: tuple[int, ...]
    real: Tensor | None
    """Which rows of the padded (S * T) are tokens; None when lengths are equal."""
    hidden_S11T: Tensor | None
    """True where a key is padding."""

    @property
    def length(self) -> int:
        return self.lengths[-1]

    @property
    def tokens(self) -> slice:
        return slice(self.start, self.start + sum(self.lengths))


def groups_of(lengths: Sequence[int], device: torch.device) -> list[Group]:
    """Neighbours of like length, few and large; `lengths` is sorted."""
    found: list[Group] = []
    start, first = 0, 0
    for end in range(1, len(lengths) + 1):
        if end < len(lengths) and _waste(lengths[first : end + 1]) <= _WASTE:
            continue
        part = tuple(lengths[first:end])
        found.append(_group(start, part, device))
        start, first = start + sum(part), end
    return found


def _waste(lengths: Sequence[int]) -> int:
    """Scores of a padded group that belong to no sequence."""
    return len(lengths) * lengths[-1] ** 2 - sum(length**2 for length in lengths)


def _group(start: int, lengths: tuple[int, ...], device: torch.device) -> Group:
    if lengths[0] == lengths[-1]:
        return Group(start, lengths, None, None)
    places_T = torch.arange(lengths[-1])
    is_real_ST = places_T < torch.tensor(lengths)[:, None]
    real = is_real_ST.flatten().nonzero()[:, 0].to(device)
    return Group(start, lengths, real, ~is_real_ST[:, None, None].to(device))


def attend_both_ways(
    qkv_N3HE: Tensor, groups: list[Group], *, dropout: float, scale: float
) -> Tensor:
    """Attention output (N, H * E), zero for rows in no group; dropout on the probabilities, drawn
    from torch's generator."""
    return cast(Tensor, _TwoSided.apply(qkv_N3HE, groups, dropout, scale))


class _TwoSided(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, qkv_N3HE: Tensor, groups: list[Group], dropout: float, scale: float
    ) -> Tensor:
        ctx.groups, ctx.dropout, ctx.scale = groups, dropout, scale
        output = qkv_N3HE.new_empty(len(qkv_N3HE), *qkv_N3HE.shape[2:])
        output[groups[-1].tokens.stop :] = 0
        kept: list[Tensor] = []
        for group in groups:
            parts = _heads(qkv_N3HE, group)
            q, k, v = parts
            scores = torch.bmm(q.mul_(scale), k.mT)
            if group.hidden_S11T is not None:
                scores_SHTT = scores.unflatten(0, (len(group.lengths), -1))
                scores_SHTT.masked_fill_(group.hidden_S11T, float("-inf"))
            weights = torch.softmax(scores, -1)
            mask = keep_mask(weights, dropout) if dropout else None
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
        heads, width = saved[0].shape[1] // len(ctx.groups[0].lengths), saved[0].shape[3]
        total_NHE = upstream[0].unflatten(1, (heads, width))
        d_qkv = upstream[0].new_empty(len(total_NHE), 3, heads, width)
        d_qkv[ctx.groups[-1].tokens.stop :] = 0
        for index, group in enumerate(ctx.groups):
            (q, k, v), weights, mask = saved[3 * index : 3 * index + 3]
            d_mixed = _from_tokens(total_NHE, group)
            dropped = weights * mask if mask.numel() else weights
            d_weights = torch.bmm(d_mixed, v.mT)
            d_weights = d_weights.mul_(mask) if mask.numel() else d_weights
            slopes = softmax_backward(d_weights, weights)
            parts = (
                torch.bmm(slopes, k).mul_(ctx.scale),
                torch.bmm(slopes.mT, q),  # the queries carry the scale
                torch.bmm(dropped.mT, d_mixed),
            )
            for place, part in enumerate(parts):
                _to_tokens(part, group, d_qkv[:, place])
        return d_qkv, None, None, None


def _heads(qkv_N3HE: Tensor, group: Group) -> Tensor:
    """Queries, keys and values as a copy (3, S * H, T, E), zero where padded."""
    padded = _padded(qkv_N3HE[group.tokens], group)
    return padded.permute(2, 0, 3, 1, 4).contiguous().flatten(1, 2)


def _to_tokens(heads_STE: Tensor, group: Group, onto_NHE: Tensor) -> None:
    """Write (S * H, T, E) where the tokens of the group are."""
    by_token = heads_STE.unflatten(0, (len(group.lengths), -1)).transpose(1, 2)
    target = onto_NHE[group.tokens]
    if group.real is None:
        target.unflatten(0, by_token.shape[:2]).copy_(by_token)
    else:
        target.copy_(by_token.reshape(-1, *by_token.shape[2:])[group.real])


def _from_tokens(values_NHE: Tensor, group: Group) -> Tensor:
    """(S * H, T, E), zero where padded."""
    padded = _padded(values_NHE[group.tokens], group)
    return padded.transpose(1, 2).contiguous().flatten(0, 1)


def _padded(part: Tensor, group: Group) -> Tensor:
    """The rows of a group as (S, T, ...), zero where there is no token."""
    shape = (len(group.lengths), group.length)
    if group.real is None:
        return part.unflatten(0, shape)
    padded = part.new_zeros(shape[0] * shape[1], *part.shape[1:])
    return padded.index_copy_(0, group.real, part).unflatten(0, shape)
