"""Attention inside each document of a pack, for any transformers model that asks its interface.

Registered with transformers as the attention "luthier_documents". While `within(lengths)` is
active, masks made by a model are `Documents` objects; they travel to the attention function, also
through gradient checkpointing. Otherwise both functions do what transformers' "sdpa" does.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import bidirectional_mask_function, sdpa_mask

from luthier.core.errors import ModelError
from luthier.models.key_value_prefix import KeysValues
from luthier.models.trunks import _flash

NAME = "luthier_documents"
_pack: ContextVar[Pack | None] = ContextVar("pack", default=None)
_UNKNOWN = ("position_bias", "s_aux", "head_mask")
"""Further inputs of attention that are not handled here."""


class TwoSidedError(NotImplementedError):
    """Tokens see what follows them, so nothing of two documents can be computed once."""


@dataclass(frozen=True, slots=True)
class Pack:
    """Documents laid end to end, or runs of them where beginnings are computed once."""

    lengths: tuple[int, ...]
    prefix: Sequence[KeysValues] = field(default=(), compare=False)
    """Keys and values (K, P, E) that all documents see besides their own, by layer; or none."""
    before: tuple[int, ...] = ()
    """Keys that each run sees before its own: those of the beginning it goes on from. Empty: none,
    every document is whole."""
    keys: Tensor | None = field(default=None, compare=False)
    """Token of every key, run by run; None: every token is its own key."""

    @property
    def key_lengths(self) -> tuple[int, ...]:
        """Keys of each run."""
        if not self.before:
            return self.lengths
        return tuple(map(sum, zip(self.before, self.lengths, strict=True)))

    def keys_of(self, own_KNE: Tensor) -> Tensor:
        """Of keys or values of the tokens those that the runs see, one run after another."""
        return own_KNE if self.keys is None else own_KNE[:, self.keys]


@dataclass(frozen=True, slots=True)
class Documents:
    """Stands where a mask would: a pack, and whether tokens see only those before them."""

    pack: Pack
    is_causal: bool
    local_size: int = 0
    """Keys near a token that it sees, by a window or by chunks; 0: all."""
    window: int = 0
    """Where tokens see both sides: they see those nearer than so many; 0: all."""


@contextmanager
def within(pack: Pack) -> Generator[None]:
    """Models called inside see these documents."""
    token = _pack.set(pack)
    try:
        yield
    finally:
        _pack.reset(token)


def mask(*args: Any, **settings: Any) -> Any:
    """The documents of the pack, or the usual mask outside of one."""
    pack = _pack.get()
    if pack is None:
        return sdpa_mask(*args, **settings)
    reach = _reach(settings["mask_function"], max(pack.lengths))
    local_size = int(settings.get("local_size") or 0)
    if reach == 0 or reach == max(pack.lengths):
        return Documents(pack, is_causal=reach == 0, local_size=local_size)
    return Documents(pack, is_causal=False, window=reach + 1)


def _reach(sees: Callable[..., Any], longest: int) -> int:
    """So many tokens behind it the first of all sees; `longest` at most."""
    if sees is bidirectional_mask_function:
        return longest
    first = torch.zeros((), dtype=torch.long)
    low, high = 0, longest if bool(sees(first, first, first, first + 1)) else 0  # most are causal
    while low < high:
        middle = (low + high + 1) // 2
        if bool(sees(first, first, first, first + middle)):
            low = middle
        else:
            high = middle - 1
    return low


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
    if unknown:
        raise NotImplementedError(f"attention with {unknown}")
    pack, window = attention_mask.pack, attention_mask.window
    if attention_mask.is_causal:
        window = int(settings.get("sliding_window") or 0)
    if not window and 0 < attention_mask.local_size < max(pack.key_lengths):
        raise ModelError(
            f"{type(module).__name__}: it sees {attention_mask.local_size:,} tokens at a time, and "
            f"a sequence has {max(pack.key_lengths):,}. Set training.max_length = "
            f"{attention_mask.local_size}"
        )
    if pack.before and not attention_mask.is_causal:
        raise TwoSidedError("what follows a beginning changes it")
    shape = Shape(
        is_causal=attention_mask.is_causal,
        window=window,
        softcap=float(settings.get("softcap") or 0.0),
        dropout=dropout,
        scaling=query.shape[-1] ** -0.5 if scaling is None else scaling,
    )
    seen = (pack.keys_of(key[0]), pack.keys_of(value[0]))
    if not pack.prefix:
        return _inside(query[0], seen, pack, shape)[None], None
    prefix = pack.prefix[int(module.layer_idx)]  # type: ignore[arg-type]
    before = (prefix[0].to(key.dtype), prefix[1].to(value.dtype))
    return _by_turns(query[0], seen, before, pack, shape)[None], None


@dataclass(frozen=True, slots=True)
class Shape:
    """What one document's attention is like; 0 means none."""

    is_causal: bool
    window: int
    softcap: float
    dropout: float
    scaling: float


def _inside(q_HNE: Tensor, seen: KeysValues, pack: Pack, shape: Shape) -> Tensor:
    """Attention output of all documents (N, H, E): by one kernel where it can, else by turns."""
    if _flash.takes(q_HNE) and not (shape.dropout or shape.softcap):
        return _flash.attend(
            q_HNE,
            *seen,
            pack.lengths,
            pack.key_lengths,
            is_causal=shape.is_causal,
            window=shape.window,
            scaling=shape.scaling,
        )
    return _by_turns(q_HNE, seen, None, pack, shape)


def _by_turns(
    q_HNE: Tensor, seen: KeysValues, prefix: KeysValues | None, pack: Pack, shape: Shape
) -> Tensor:
    """Attention output (N, H, E), one document after another."""
    outputs: list[Tensor] = []
    queries = q_HNE.split(pack.lengths, dim=1)
    both = (x.split(pack.key_lengths, dim=1) for x in seen)
    for query, keys, values in zip(queries, *both, strict=True):
        if prefix is not None:
            keys, values = torch.cat([prefix[0], keys], 1), torch.cat([prefix[1], values], 1)
        outputs.append(_attend(query, keys, values, shape))
    return torch.cat(outputs, dim=1).transpose(0, 1)


def _attend(q_HTE: Tensor, k_KWE: Tensor, v_KWE: Tensor, shape: Shape) -> Tensor:
    """Attention of one document, (H, T, E); its keys are the last T of W."""
    heads, tokens, _ = q_HTE.shape
    size = k_KWE.shape[1]
    groups = heads // k_KWE.shape[0]
    window = shape.window if shape.window < size else 0
    if q_HTE.is_cuda and size == tokens and not (window or shape.softcap):
        return nn.functional.scaled_dot_product_attention(
            q_HTE[None],
            k_KWE[None],
            v_KWE[None],
            is_causal=shape.is_causal,
            scale=shape.scaling,
            dropout_p=shape.dropout,
            enable_gqa=groups > 1,
        )[0]
    # batched products: torch's flash attention on CPU has a slow backward pass in bfloat16
    q_KGE = (q_HTE * shape.scaling).reshape(k_KWE.shape[0], groups * tokens, -1)
    scores = torch.bmm(q_KGE, k_KWE.transpose(1, 2)).view(heads, tokens, size)
    if shape.softcap:
        scores = shape.softcap * torch.tanh(scores / shape.softcap)
    if shape.is_causal:
        scores = scores + _causal(tokens, window, scores)
    elif window:
        scores = scores + _near(window, scores)
    weights = torch.softmax(scores, dim=-1, dtype=torch.float32).to(q_HTE.dtype)
    weights = nn.functional.dropout(weights, shape.dropout, shape.dropout > 0)
    mixed = torch.bmm(weights.view(k_KWE.shape[0], groups * tokens, size), v_KWE)
    return mixed.view(heads, tokens, -1)


def _causal(tokens: int, window: int, like: Tensor) -> Tensor:
    """0 where a token (row) sees a key (column), minus infinity elsewhere; columns as in `like`,
    of which the last belong to the tokens themselves."""
    size = like.shape[-1]
    hidden = torch.full((tokens, size), float("-inf"), dtype=like.dtype, device=like.device)
    before = size - tokens
    future = hidden.triu(before + 1)
    return future + hidden.tril(before - window) if window else future


def _near(window: int, like: Tensor) -> Tensor:
    """0 where two tokens are less than `window` apart, minus infinity elsewhere."""
    hidden = torch.full(like.shape[-2:], float("-inf"), dtype=like.dtype, device=like.device)
    return hidden.triu(window) + hidden.tril(-window)


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
