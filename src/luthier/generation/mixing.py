"""Values mixed by one softmax over two sets of keys: those all rows share, and a row's own.

Scores against the shared keys are one product for all rows, which reads them from memory once.
Agrees with attention over the two sets laid end to end.

Letters: B rows, K key heads, G queries per key head, Q queries, T own tokens, P shared tokens,
E head width, W = P + T.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from luthier.generation.room import Pass

KeysValues = tuple[Tensor, Tensor]
MAX_SCORES = 1 << 22
"""Scores held at once while a prompt is read."""
ALIKE = 0.75
"""Rows are worked on together while the shortest has this share of the longest's own tokens."""
FEW = 4
"""Fewer rows are not worth products of their own."""


@dataclass(frozen=True, slots=True)
class Shape:
    """How a layer attends; 0 means none."""

    scaling: float
    softcap: float = 0.0
    window: int = 0
    """Keys a query sees, itself included."""


def read(q_KGQE: Tensor, own: KeysValues, shared: KeysValues, step: Pass, shape: Shape) -> Tensor:
    """Mixed values (Q, K, G, E) of the last Q of T own tokens (K, T, E) of one row.

    Queries are scaled already. Shapes: shared (K, P, E).
    """
    groups, num_queries = q_KGQE.shape[1:3]
    num_own, num_shared = own[0].shape[1], shared[0].shape[1]
    block = max(32, MAX_SCORES // (len(q_KGQE) * groups * (num_shared + num_own)))
    outputs: list[Tensor] = []
    for start in range(0, num_queries, block):
        part = q_KGQE[:, :, start : start + block]
        size = part.shape[2]
        seen = num_own - num_queries + start + size
        flat = part.flatten(1, 2)
        parts = [flat @ shared[0].mT, flat @ own[0][:, :seen].mT]
        scores_KGQW = torch.cat(parts, -1).unflatten(1, (groups, size))
        queries = torch.arange(seen - size, seen, device=step.device)
        hidden_QW = _hidden(step, queries, num_shared, seen, shape.window)
        weights = _softmax(scores_KGQW, hidden_QW, shape).flatten(1, 2)
        mixed = weights[..., :num_shared] @ shared[1]
        mixed = mixed + weights[..., num_shared:] @ own[1][:, :seen]
        outputs.append(mixed.unflatten(1, (groups, size)).permute(2, 0, 1, 3))
    return torch.cat(outputs)


def write(q_BKGE: Tensor, own: KeysValues, shared: KeysValues, step: Pass, shape: Shape) -> Tensor:
    """Mixed values (B, K, G, E) of one query of each row, which sees its own tokens so far.

    Queries are scaled already. Shapes: own (S, K, C, E) with S >= B, shared (K, P, E).
    """
    num_rows, _, groups, _ = q_BKGE.shape
    num_shared = shared[0].shape[1]
    lengths = [piece.first + 1 for piece in step.pieces]
    scores_BKGP = _by_head(_together(q_BKGE) @ shared[0].mT, num_rows, groups)
    shares: list[Tensor] = []
    mixed: list[Tensor] = []
    for rows in like_lengths(lengths):
        seen = max(lengths[rows])
        scores = q_BKGE[rows] @ own[0][rows, :, :seen].mT
        if num_shared:
            scores = torch.cat([scores_BKGP[rows], scores], -1)
        hidden = None
        if shape.window or seen > min(lengths[rows]):
            queries = step.firsts[rows, None, None, None]
            hidden = _hidden(step, queries, num_shared, seen, shape.window)
        weights = _softmax(scores, hidden, shape)
        shares.append(weights[..., :num_shared])
        mixed.append(weights[..., num_shared:] @ own[1][rows, :, :seen])
    if not num_shared:
        return torch.cat(mixed)
    shared_BKGE = _by_head(_together(torch.cat(shares)) @ shared[1], num_rows, groups)
    return torch.cat(mixed) + shared_BKGE


def like_lengths(lengths: Sequence[int]) -> list[slice]:
    """Runs of rows that are worth one product each: of like lengths, or few."""
    starts, longest = [0], 0
    for index, length in enumerate(lengths):
        if index - starts[-1] >= FEW and length < ALIKE * longest:
            starts.append(index)
            longest = 0
        longest = max(longest, length)
    return [slice(a, b) for a, b in zip(starts, [*starts[1:], len(lengths)], strict=True)]


def _together(x_BKGE: Tensor) -> Tensor:
    """(K, B * G, E)"""
    return x_BKGE.transpose(0, 1).flatten(1, 2)


def _by_head(x_KRE: Tensor, num_rows: int, groups: int) -> Tensor:
    """(B, K, G, E)"""
    return x_KRE.unflatten(1, (num_rows, groups)).transpose(0, 1)


def _hidden(step: Pass, queries: Tensor, num_shared: int, num_own: int, window: int) -> Tensor:
    """True where a query, given by its place among a row's own tokens, does not see a key."""
    keys_W = torch.arange(-num_shared, num_own, device=step.device)
    if queries.dim() == 1:
        queries = queries[:, None]
    hidden = keys_W > queries
    return hidden | (keys_W <= queries - window) if window else hidden


def _softmax(scores: Tensor, hidden: Tensor | None, shape: Shape) -> Tensor:
    if shape.softcap:
        scores = shape.softcap * torch.tanh(scores / shape.softcap)
    if hidden is not None:
        scores = scores.masked_fill(hidden, float("-inf"))
    return torch.softmax(scores, -1, dtype=torch.float32).to(scores.dtype)
