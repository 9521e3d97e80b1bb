"""Attention inside each document of a pack, for any transformers model that asks its interface.

Registered with transformers as the attention "luthier_documents". While `within(lengths)` is
active, masks made by a model are `Documents` objects; they travel to the attention function, also
through gradient checkpointing. Otherwise both functions do what transformers' "sdpa" does.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import bidirectional_mask_function, sdpa_mask

from luthier.models.trunks import _flash

NAME = "luthier_documents"
_lengths: ContextVar[tuple[int, ...] | None] = ContextVar("lengths", default=None)
_UNKNOWN = ("position_bias", "s_aux", "head_mask")
"""Further inputs of attention that are not handled here."""


@dataclass(frozen=True, slots=True)
class Documents:
    """Stands where a mask would: the documents of a pack, and whether tokens see later ones."""

    lengths: tuple[int, ...]
    is_causal: bool


@contextmanager
def within(lengths: tuple[int, ...]) -> Generator[None]:
    """Models called inside see a pack of documents of these lengths."""
    token = _lengths.set(lengths)
    try:
        yield
    finally:
        _lengths.reset(token)


def mask(*args: Any, **settings: Any) -> Any:
    """The documents of the pack, or the usual mask outside of one."""
    lengths = _lengths.get()
    if lengths is None:
        return sdpa_mask(*args, **settings)
    return Documents(lengths, settings["mask_function"] is not bidirectional_mask_function)


def attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Documents | Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    **settings: Any,
) -> tuple[Tensor, None]:
    """Attention output (1, N, H, E) of queries (1, H, N, E), keys and values (1, K, N, E)."""
    if not isinstance(attention_mask, Documents):
        return _outside(module, query, key, value, attention_mask, dropout, scaling, settings)
    unknown = [name for name in _UNKNOWN if settings.get(name) is not None]
    window = int(settings.get("sliding_window") or 0)
    if unknown or (window and not attention_mask.is_causal):
        raise NotImplementedError(f"attention with {unknown or 'a two-sided window'}")
    shape = Shape(
        is_causal=attention_mask.is_causal,
        window=window,
        softcap=float(settings.get("softcap") or 0.0),
        dropout=dropout,
        scaling=query.shape[-1] ** -0.5 if scaling is None else scaling,
    )
    return _inside(query[0], key[0], value[0], attention_mask.lengths, shape)[None], None


@dataclass(frozen=True, slots=True)
class Shape:
    """What one document's attention is like; 0 means none."""

    is_causal: bool
    window: int
    softcap: float
    dropout: float
    scaling: float


def _inside(
    q_HNE: Tensor, k_KNE: Tensor, v_KNE: Tensor, lengths: tuple[int, ...], shape: Shape
) -> Tensor:
    """Attention output of all documents (N, H, E): by one kernel where it can, else by turns."""
    if _flash.takes(q_HNE) and not (shape.dropout or shape.softcap):
        return _flash.attend(
            q_HNE,
            k_KNE,
            v_KNE,
            lengths,
            is_causal=shape.is_causal,
            window=shape.window,
            scaling=shape.scaling,
        )
    documents = zip(*(part.split(lengths, dim=1) for part in (q_HNE, k_KNE, v_KNE)), strict=True)
    outputs = [_attend(q_HTE, k_KTE, v_KTE, shape) for q_HTE, k_KTE, v_KTE in documents]
    return torch.cat(outputs, dim=1).transpose(0, 1)


def _attend(q_HTE: Tensor, k_KTE: Tensor, v_KTE: Tensor, shape: Shape) -> Tensor:
    """Attention of one document, (H, T, E)."""
    heads, tokens, _ = q_HTE.shape
    groups = heads // k_KTE.shape[0]
    window = shape.window if shape.window < tokens else 0
    if q_HTE.is_cuda and not (window or shape.softcap):
        return nn.functional.scaled_dot_product_attention(
            q_HTE[None],
            k_KTE[None],
            v_KTE[None],
            is_causal=shape.is_causal,
            scale=shape.scaling,
            dropout_p=shape.dropout,
            enable_gqa=groups > 1,
        )[0]
    # batched products: torch's flash attention on CPU has a slow backward pass in bfloat16
    q_KGE = (q_HTE * shape.scaling).reshape(k_KTE.shape[0], groups * tokens, -1)
    scores = torch.bmm(q_KGE, k_KTE.transpose(1, 2)).view(heads, tokens, tokens)
    if shape.softcap:
        scores = shape.softcap * torch.tanh(scores / shape.softcap)
    if shape.is_causal:
        scores = scores + _causal(tokens, window, scores)
    weights = torch.softmax(scores, dim=-1, dtype=torch.float32).to(q_HTE.dtype)
    weights = nn.functional.dropout(weights, shape.dropout, shape.dropout > 0)
    mixed = torch.bmm(weights.view(k_KTE.shape[0], groups * tokens, tokens), v_KTE)
    return mixed.view(heads, tokens, -1)


def _causal(tokens: int, window: int, like: Tensor) -> Tensor:
    """0 where a token (row) sees another (column), minus infinity elsewhere."""
    hidden = torch.full((tokens, tokens), float("-inf"), dtype=like.dtype, device=like.device)
    future = hidden.triu(1)
    return future + hidden.tril(-window) if window else future


def _outside(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    dropout: float,
    scaling: float | None,
    settings: dict[str, Any],
) -> tuple[Tensor, None]:
    softcap = settings.get("softcap")
    if softcap is None:
        return sdpa_attention_forward(
            module, query, key, value, attention_mask, dropout, scaling, **settings
        )
    groups = query.shape[1] // key.shape[1]
    key, value = key.repeat_interleave(groups, 1), value.repeat_interleave(groups, 1)
    scores = query @ key.transpose(2, 3) * (scaling or query.shape[-1] ** -0.5)
    scores = softcap * torch.tanh(scores / softcap)
    if attention_mask is None:
        scores = scores + _causal(scores.shape[-1], 0, scores)[-scores.shape[-2] :]
    else:
        # not minus infinity: a padding token that sees nothing would become nan and spread
        scores = scores.masked_fill(~attention_mask, torch.finfo(scores.dtype).min)
    weights = torch.softmax(scores, dim=-1, dtype=torch.float32).to(query.dtype)
    weights = nn.functional.dropout(weights, dropout, dropout > 0)
    return (weights @ value).transpose(1, 2), None


AttentionInterface.register(NAME, attention)
AttentionMaskInterface.register(NAME, mask)
