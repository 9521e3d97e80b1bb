"""The elementwise pieces of a decoder layer, each way; `_pointwise.cpp` has the same, compiled.

Every function writes into the tensors it is given last, reduces in float32, and rounds once.
Letters: N tokens, D width, F hidden width of the gated layer, K key heads, G queries per key head,
E head width.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any, cast

import torch
from torch import Tensor

from luthier.core.errors import ModelError
from luthier.models.trunks._native import hindrance, native


def norm(x_ND: Tensor, weight_D: Tensor, epsilon: float, rate_N1: Tensor, out_ND: Tensor) -> None:
    """out = x * rate * weight, rate = 1 / rms(x) (Zhang and Sennrich 2019, arXiv:1910.07467)."""
    x = x_ND.float()
    rate_N1.copy_(torch.rsqrt(x.square().mean(-1, keepdim=True) + epsilon))
    out_ND.copy_(x * rate_N1 * weight_D)


def norm_backward(
    upstream_ND: Tensor,
    x_ND: Tensor,
    rate_N1: Tensor,
    weight_D: Tensor,
    residual_ND: Tensor,
    normed_ND: Tensor,
    out_ND: Tensor,
) -> None:
    """out = residual + gradient of x; `normed` becomes the norm's output again."""
    unit = x_ND.float() * rate_N1
    scaled = upstream_ND.float() * weight_D
    slope = (scaled * unit).mean(-1, keepdim=True)
    normed_ND.copy_(unit * weight_D)
    out_ND.copy_(residual_ND.float() + (scaled - unit * slope) * rate_N1)


def renorm(x_ND: Tensor, rate_N1: Tensor, weight_D: Tensor, out_ND: Tensor) -> None:
    """The norm's output from the rate it kept."""
    out_ND.copy_(x_ND.float() * rate_N1 * weight_D)


def swiglu(gate_NF: Tensor, up_NF: Tensor, out_NF: Tensor) -> None:
    """silu(gate) * up (Shazeer 2020, arXiv:2002.05202)."""
    gate = gate_NF.float()
    out_NF.copy_(gate * torch.sigmoid(gate) * up_NF.float())


def swiglu_backward(
    upstream_NF: Tensor,
    gate_NF: Tensor,
    up_NF: Tensor,
    again_NF: Tensor,
    d_gate_NF: Tensor,
    d_up_NF: Tensor,
) -> None:
    """Gradients of gate and up; `again` becomes silu(gate) * up."""
    gate, up, upstream = gate_NF.float(), up_NF.float(), upstream_NF.float()
    share = torch.sigmoid(gate)
    silu = gate * share
    again_NF.copy_(silu * up)
    d_gate_NF.copy_(upstream * up * (share + silu * (1 - share)))
    d_up_NF.copy_(upstream * silu)


def rotate(
    qkv_NHE: Tensor,
    cos_NE: Tensor,
    sin_NE: Tensor,
    scale: float,
    q_KNGE: Tensor,
    k_KNE: Tensor,
    v_KNE: Tensor,
) -> None:
    """Heads apart, queries and keys rotated (Su et al. 2021, arXiv:2104.09864), queries scaled."""
    heads, groups = q_KNGE.shape[0], q_KNGE.shape[2]
    queries = heads * groups
    cos, sin = cos_NE[:, None], sin_NE[:, None]
    q = _turn(qkv_NHE[:, :queries].float(), cos, sin) * scale
    q_KNGE.copy_(q.unflatten(1, (heads, groups)).permute(1, 0, 2, 3))
    k_KNE.copy_(_turn(qkv_NHE[:, queries : queries + heads].float(), cos, sin).transpose(0, 1))
    v_KNE.copy_(qkv_NHE[:, queries + heads :].transpose(0, 1))


def rotate_backward(
    dq_KNGE: Tensor,
    dk_KNE: Tensor,
    dv_KNE: Tensor,
    cos_NE: Tensor,
    sin_NE: Tensor,
    scale: float,
    q_NKGE: Tensor,
    k_NKE: Tensor,
    v_NKE: Tensor,
) -> None:
    """Gradients of q, k, v before rotation, token by token: the rotation turned back."""
    cos, sin = cos_NE[:, None], -sin_NE[:, None]
    dq = dq_KNGE.permute(1, 0, 2, 3).float()
    q_NKGE.copy_(_turn(dq, cos[:, None], sin[:, None]) * scale)
    k_NKE.copy_(_turn(dk_KNE.transpose(0, 1).float(), cos, sin))
    v_NKE.copy_(dv_KNE.transpose(0, 1))


def _turn(x_NHE: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    first, second = x_NHE.chunk(2, -1)
    return torch.cat((first * cos - second * sin, second * cos + first * sin), -1)


@dataclass(frozen=True, slots=True)
class Pointwise:
    """The functions above, compiled or as they are."""

    norm: Callable[..., None] = norm
    norm_backward: Callable[..., None] = norm_backward
    renorm: Callable[..., None] = renorm
    swiglu: Callable[..., None] = swiglu
    swiglu_backward: Callable[..., None] = swiglu_backward
    rotate: Callable[..., None] = rotate
    rotate_backward: Callable[..., None] = rotate_backward


@lru_cache(maxsize=2)
def pointwise(*, compiled: bool) -> Pointwise:
    """The pieces.

    Raises: ModelError: they were asked for compiled, and that is not possible here.
    """
    if not compiled:
        return Pointwise()
    if reason := hindrance():
        raise ModelError(f"training.compile = on: {reason}. Leave it at auto, or set it to off")
    made: dict[str, Any] = {
        piece.name: native(piece.name, cast(Any, piece.default)) for piece in fields(Pointwise)
    }
    return Pointwise(**made)
