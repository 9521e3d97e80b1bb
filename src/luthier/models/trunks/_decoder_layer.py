"""One decoder layer with its backward pass written out: few passes over memory, few tensors kept.

What is kept per token: the layer's input, rotated q, k, v, the attention output, the stream
between attention and gated layer, gate and up. Norm outputs and silu(gate) * up are formed again.
Letters: N tokens, M tokens that leave the layer (all, unless only some are wanted), D width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from luthier.models.trunks._attention import ALIGN, Pack, attend, attend_backward, with_shared
from luthier.models.trunks._joined import Joined
from luthier.models.trunks._pointwise import Pointwise


@dataclass(frozen=True, slots=True)
class Layer:
    """The pieces of one decoder layer: LLaMA's, with optional norms of queries and keys."""

    qkv: Joined
    o: Joined
    gate_up: Joined
    down: Joined
    norms: tuple[Tensor, Tensor]
    """Weights before attention and before the gated layer."""
    head_norms: tuple[Tensor, Tensor] | None
    """Weights over the head width for queries and keys (Qwen3)."""
    epsilon: float
    num_key_heads: int
    head_width: int
    window: int
    """Keys a query may see; 0: all before it."""
    pointwise: Pointwise

    def products(self) -> tuple[Joined, Joined, Joined, Joined]:
        return self.qkv, self.o, self.gate_up, self.down

    def parameters(self) -> list[Tensor]:
        """Low-rank parameters in the order in which gradients come back."""
        return [p for joined in self.products() for p in joined.parameters()]


class Call(NamedTuple):
    """What one run of a layer needs besides its input."""

    pack: Pack
    at: Tensor | None
    """Positions that go on after attention; None: all."""
    on: bool
    """Low-rank terms take part."""
    checkpoint: bool
    """Keep the input only, and run forward again in the backward pass."""


class _Kept(NamedTuple):
    """What backward needs of forward. `low_*`: inputs times A; `rate_*`: 1 / rms."""

    x: Tensor
    rate_in: Tensor
    low_qkv: Tensor
    raw: Tensor | None
    q: Tensor
    k: Tensor
    v: Tensor
    o: Tensor
    x_mid: Tensor
    rate_mid: Tensor
    low_gate_up: Tensor
    both: Tensor
    low_down: Tensor
    probabilities: list[Tensor]


def run_layer(x_ND: Tensor, layer: Layer, call: Call) -> Tensor:
    """The layer's output (M, D); differentiable in x and the low-rank parameters."""
    parameters = layer.parameters() if call.on else []
    return cast(Tensor, _DecoderLayer.apply(x_ND, layer, call, *parameters))


class _DecoderLayer(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x_ND: Tensor, layer: Layer, call: Call, *_parameters: Tensor) -> Tensor:
        # detached: compiled pieces would be made twice, for inputs with and without a gradient
        output_MD, kept = _forward(x_ND.detach(), layer, call)
        ctx.layer, ctx.call = layer, call
        ctx.wants_input = ctx.needs_input_grad[0]
        tensors = [kept.x] if call.checkpoint else [*kept[:-1], *kept.probabilities]
        if any(ctx.needs_input_grad):
            ctx.save_for_backward(*tensors)
        return output_MD

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, *upstream: Tensor
    ) -> tuple[Tensor | None, ...]:
        saved: Sequence[Tensor] = ctx.saved_tensors
        if ctx.call.checkpoint:
            kept = _forward(saved[0], ctx.layer, ctx.call)[1]
        else:
            size = len(_Kept._fields) - 1
            kept = _Kept._make([*saved[:size], list(saved[size:])])
        dx_ND, gradients = _backward(
            upstream[0].contiguous(), kept, ctx.layer, ctx.call, ctx.wants_input
        )
        return dx_ND, None, None, *gradients


def _forward(x_ND: Tensor, layer: Layer, call: Call) -> tuple[Tensor, _Kept]:
    on, pieces = call.on, layer.pointwise
    h_ND, rate_in = _normed(x_ND, layer, 0, on)
    qkv = layer.qkv.forward(layer.qkv.lower(h_ND, on=on))
    raw = None if layer.head_norms is None else qkv
    q, k, v = _heads(qkv, layer, call.pack)
    del qkv
    o_KNGE, probabilities = attend(q, k, v, call.pack, window=layer.window)
    o_MD, x_MD = _leave(o_KNGE, x_ND, layer, call)
    x_MD = layer.o.forward(layer.o.lower(o_MD, on=on), onto=x_MD)
    h_MD, rate_mid = _normed(x_MD, layer, 1, on)
    both_MF = layer.gate_up.forward(layer.gate_up.lower(h_MD, on=on))
    a_MF = layer.down.input_for(len(both_MF), on=on)
    pieces.swiglu(*both_MF.chunk(2, 1), a_MF[:, : layer.down.num_inputs])
    output_MD = layer.down.forward(layer.down.lower(a_MF, on=on), onto=x_MD)
    lows = [
        buffer[:, joined.num_inputs :].clone()
        for buffer, joined in ((h_ND, layer.qkv), (h_MD, layer.gate_up), (a_MF, layer.down))
    ]
    kept = _Kept(
        x_ND, rate_in, lows[0], raw, q, k, v, o_MD, x_MD, rate_mid, lows[1], both_MF, lows[2],
        probabilities,
    )  # fmt: skip
    return output_MD, kept


def _backward(
    upstream_MD: Tensor, kept: _Kept, layer: Layer, call: Call, wants_input: bool
) -> tuple[Tensor | None, list[Tensor]]:
    on, pieces = call.on, layer.pointwise
    gradients: list[list[Tensor]] = [[], [], [], []]

    # down, and what it multiplies
    g = _extended(upstream_MD, layer.down, on)
    da_MF = layer.down.backward(g, on=on)
    dboth = layer.gate_up.gradient_for(len(g), on=on)
    assert da_MF is not None
    a_MF = torch.empty_like(da_MF)
    halves = dboth[:, : layer.gate_up.num_outputs].chunk(2, 1)
    pieces.swiglu_backward(da_MF, *kept.both.chunk(2, 1), a_MF, *halves)
    if on:
        gradients[3] = layer.down.gradients(g, a_MF, kept.low_down)
    del a_MF, da_MF

    # gate and up, and the norm before them
    dh_MD = layer.gate_up.backward(dboth, on=on)
    h_MD, g = torch.empty_like(kept.x_mid), layer.o.gradient_for(len(g), on=on)
    dx_MD = g[:, : layer.o.num_outputs]
    pieces.norm_backward(dh_MD, kept.x_mid, kept.rate_mid, layer.norms[1], upstream_MD, h_MD, dx_MD)
    if on:
        gradients[2] = layer.gate_up.gradients(dboth, h_MD, kept.low_gate_up)
    del dboth, dh_MD, h_MD

    # the product after attention, and attention
    do_MD = layer.o.backward(g, on=on)
    if on:
        width = layer.o.num_inputs
        gradients[1] = layer.o.gradients(g, kept.o[:, :width], kept.o[:, width:])
    assert do_MD is not None
    do_KNGE, dx_ND = _enter(do_MD, dx_MD, kept.q, call)
    dq, dk, dv = attend_backward(
        do_KNGE, kept.q, kept.k, kept.v, call.pack, kept.probabilities, window=layer.window
    )
    dqkv = _heads_backward(dq, dk, dv, kept.raw, layer, call)

    # queries, keys and values, and the norm before them
    dh_ND = layer.qkv.backward(dqkv, on=on, wanted=wants_input)
    h_ND = torch.empty_like(kept.x)
    if dh_ND is None:
        pieces.renorm(kept.x, kept.rate_in, layer.norms[0], h_ND)
        out_ND = None
    else:
        out_ND = torch.empty_like(kept.x)
        pieces.norm_backward(dh_ND, kept.x, kept.rate_in, layer.norms[0], dx_ND, h_ND, out_ND)
    if on:
        gradients[0] = layer.qkv.gradients(dqkv, h_ND, kept.low_qkv)
    return out_ND, [gradient for part in gradients for gradient in part]


def _normed(x_ND: Tensor, layer: Layer, which: int, on: bool) -> tuple[Tensor, Tensor]:
    joined = (layer.qkv, layer.gate_up)[which]
    h_ND = joined.input_for(len(x_ND), on=on)
    rate = x_ND.new_empty(len(x_ND), 1, dtype=torch.float32)
    out = h_ND[:, : joined.num_inputs]
    layer.pointwise.norm(x_ND, layer.norms[which], layer.epsilon, rate, out)
    return h_ND, rate


def _heads(qkv: Tensor, layer: Layer, pack: Pack) -> tuple[Tensor, Tensor, Tensor]:
    """Rotated and scaled queries, rotated keys, values; keys and values padded with zeros."""
    num, heads, width = len(qkv), layer.num_key_heads, layer.head_width
    qkv_NHE = qkv.view(num, -1, width)
    groups = qkv_NHE.shape[1] // heads - 2
    if layer.head_norms is not None:
        qkv_NHE = _norm_heads(qkv_NHE, layer)
    q = qkv.new_empty(heads, num, groups, width)
    # the rows beyond are there with a shared beginning too: other strides would compile anew
    size = num + ALIGN
    k, v = (qkv.new_empty(heads, size, width) for _ in range(2))
    k[:, num:], v[:, num:] = 0, 0
    rotation = (pack.cos, pack.sin, width**-0.5)
    layer.pointwise.rotate(qkv_NHE, *rotation, q, k[:, :num], v[:, :num])
    return q, with_shared(k, pack), with_shared(v, pack)


def _heads_backward(
    dq: Tensor, dk: Tensor, dv: Tensor, raw: Tensor | None, layer: Layer, call: Call
) -> Tensor:
    """g' of the joined q, k, v, its last columns not yet filled."""
    dqkv = layer.qkv.gradient_for(dq.shape[1], on=call.on)
    out_NHE = dqkv[:, : layer.qkv.num_outputs].unflatten(1, (-1, layer.head_width))
    heads, groups = dq.shape[0], dq.shape[2]
    q, k, v = out_NHE.split((heads * groups, heads, heads), 1)
    rotation = (call.pack.cos, call.pack.sin, layer.head_width**-0.5)
    layer.pointwise.rotate_backward(dq, dk, dv, *rotation, q.unflatten(1, (heads, groups)), k, v)
    if raw is not None:
        _norm_heads_backward(out_NHE, raw.view(out_NHE.shape), layer)
    return dqkv


def _head_parts(layer: Layer, num_heads: int) -> list[tuple[slice, Tensor]]:
    assert layer.head_norms is not None
    heads = layer.num_key_heads
    queries = num_heads - 2 * heads
    parts = (slice(0, queries), slice(queries, queries + heads))
    return list(zip(parts, layer.head_norms, strict=True))


def _norm_heads(qkv_NHE: Tensor, layer: Layer) -> Tensor:
    normed = qkv_NHE.clone()
    for part, weight in _head_parts(layer, qkv_NHE.shape[1]):
        x = qkv_NHE[:, part]
        rate = x.new_empty(*x.shape[:2], 1, dtype=torch.float32)
        layer.pointwise.norm(x, weight, layer.epsilon, rate, normed[:, part])
    return normed


def _norm_heads_backward(out_NHE: Tensor, raw_NHE: Tensor, layer: Layer) -> None:
    for part, weight in _head_parts(layer, raw_NHE.shape[1]):
        x, upstream = raw_NHE[:, part], out_NHE[:, part].clone()
        rate = torch.rsqrt(x.float().square().mean(-1, keepdim=True) + layer.epsilon)
        nothing = torch.zeros_like(x)
        unused = torch.empty_like(x)
        layer.pointwise.norm_backward(upstream, x, rate, weight, nothing, unused, out_NHE[:, part])


def _leave(o_KNGE: Tensor, x_ND: Tensor, layer: Layer, call: Call) -> tuple[Tensor, Tensor]:
    """x' of the output product, and the residual stream, of the tokens that go on."""
    o_NKF = o_KNGE.flatten(2, 3).transpose(0, 1)
    if call.at is not None:
        o_NKF, x_ND = o_NKF[call.at], x_ND[call.at]
    o_MD = layer.o.input_for(len(x_ND), on=call.on)
    o_MD[:, : layer.o.num_inputs].unflatten(1, o_NKF.shape[1:]).copy_(o_NKF)
    return o_MD, x_ND


def _enter(do_MD: Tensor, dx_MD: Tensor, q: Tensor, call: Call) -> tuple[Tensor, Tensor]:
    """Gradients of attention output (K, N, G, E) and residual (N, D), zero where none left."""
    heads, num, groups, width = q.shape
    do_MKF = do_MD.view(-1, heads, groups * width)
    if call.at is None:
        return do_MKF.transpose(0, 1).contiguous().view(q.shape), dx_MD
    do_NKF = do_MD.new_zeros(num, heads, groups * width).index_add_(0, call.at, do_MKF)
    dx_ND = dx_MD.new_zeros(num, dx_MD.shape[1]).index_add_(0, call.at, dx_MD)
    return do_NKF.transpose(0, 1).contiguous().view(q.shape), dx_ND


def _extended(upstream: Tensor, joined: Joined, on: bool) -> Tensor:
    if not (on and joined.rank):
        return upstream
    g = joined.gradient_for(len(upstream), on=on)
    g[:, : joined.num_outputs] = upstream
    return g
