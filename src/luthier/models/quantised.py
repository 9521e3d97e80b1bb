"""Frozen linear layers whose weight is stored in 4 or 8 bits and formed anew where it is used."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from luthier.core.errors import missing

Bits = Literal[4, 8]
BLOCK, OUTER_BLOCK = 64, 256
"""Weights that share a scale, and scales that share one: as in QLoRA and bitsandbytes."""


class QuantisedLinear(nn.Module):
    """y = x W^T + b, W held in `bits`: NF4 whose scales are quantised too, or int8 row by row.

    `weight` is formed in the type that it was stored from, anew at every use; neither it nor its
    gradient is kept. 4 bits: 0.516 bytes for a weight. 8 bits: 1 byte, and 4 for every row.
    Source: Dettmers et al. 2023, arXiv:2305.14314, section 3 (bitsandbytes does the packing); for
    8 bits Dettmers et al. 2022, arXiv:2208.07339, section 2.1, of the weight only.
    """

    packed: Tensor
    scales: Tensor
    outer: Tensor
    """Scales of the scales, and last what was subtracted from these; empty for 8 bits."""
    like: Tensor
    """Empty; its type is that of `weight`, and changes when the whole model's does."""

    def __init__(self, layer: nn.Linear, *, bits: Bits) -> None:
        super().__init__()
        self.bits: Bits = bits
        self.in_features, self.out_features = layer.in_features, layer.out_features
        self.stored = layer.weight.dtype
        self.bias = cast("nn.Parameter | None", layer.bias)
        parts = (_pack4 if bits == 4 else _pack8)(layer.weight.detach())
        for name, part in zip(("packed", "scales", "outer"), parts, strict=True):
            self.register_buffer(name, part)
        self.register_buffer("like", layer.weight.detach().new_empty(0), persistent=False)

    @property
    def weight(self) -> Tensor:
        """W (O, I) as its stored form has it."""
        shape = (self.out_features, self.in_features)
        if self.bits == 4:
            found = _unpack4(self.packed, self.scales, self.outer, shape=shape, dtype=self.stored)
        else:
            found = (self.packed * (self.scales / 127)[:, None]).to(self.stored)
        return found.to(self.like.dtype)

    @property
    def dtype(self) -> torch.dtype:
        """Type of `weight`."""
        return self.like.dtype

    @property
    def stored_bytes(self) -> int:
        """What the weight takes."""
        return self.packed.nbytes + self.scales.nbytes + self.outer.nbytes

    def forward(self, input: Tensor) -> Tensor:
        output = cast(Tensor, _Product.apply(input, self))
        return output if self.bias is None else output + self.bias.to(output.dtype)

    def plain(self) -> nn.Linear:
        """An ordinary layer with the same weight."""
        weight = nn.Parameter(self.weight, requires_grad=False)
        layer = nn.Linear(self.in_features, self.out_features, bias=False, device="meta")
        layer.weight = weight
        layer.register_parameter("bias", self.bias)
        return layer.train(self.training)


class _Product(torch.autograd.Function):
    """x W^T; the backward pass forms W again instead of keeping it."""

    @staticmethod
    def forward(ctx: Any, input: Tensor, layer: QuantisedLinear) -> Tensor:
        ctx.layer = layer
        return nn.functional.linear(input, layer.weight.to(input.dtype))

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, *upstream: Tensor
    ) -> tuple[Tensor | None, None]:
        if not ctx.needs_input_grad[0]:
            return None, None
        return upstream[0] @ ctx.layer.weight.to(upstream[0].dtype), None


def quantised_layers(model: nn.Module) -> dict[str, QuantisedLinear]:
    """Every layer stored in few bits, by its full name."""
    return {name: part for name, part in model.named_modules() if isinstance(part, QuantisedLinear)}


def num_parameters(model: nn.Module) -> int:
    """Of the whole model; a weight stored in few bits counts as what it was."""
    stored = quantised_layers(model).values()
    return sum(p.numel() for p in model.parameters()) + sum(
        layer.in_features * layer.out_features for layer in stored
    )


def require(bits: Bits) -> None:
    """Nothing, when weights can be stored so.

    Raises: MissingExtra: 4 bits without bitsandbytes.
    """
    if bits == 4:
        bitsandbytes_functions()


@lru_cache(maxsize=1)
def bitsandbytes_functions() -> Any:
    """Its functions. What it logs when imported is about a kernel that is not used here."""
    logger = logging.getLogger("bitsandbytes")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        return importlib.import_module("bitsandbytes.functional")
    except ImportError as error:
        purpose = "A base in 4 bits (tuner.bits=8 takes nothing more)"
        raise missing("bitsandbytes", "qlora", purpose) from error
    finally:
        logger.setLevel(level)


def _pack4(weight: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    library = bitsandbytes_functions()
    packed, state = library.quantize_4bit(
        weight.contiguous(), blocksize=BLOCK, compress_statistics=True, quant_type="nf4"
    )
    outer = torch.cat([state.state2.absmax, state.offset.reshape(1)])
    return packed, state.absmax, outer


def _unpack4(
    packed: Tensor, scales: Tensor, outer: Tensor, *, shape: tuple[int, int], dtype: torch.dtype
) -> Tensor:
    library = bitsandbytes_functions()
    device = str(packed.device)
    second = library.QuantState(
        absmax=outer[:-1].float(),
        code=_table("of scales", device),
        blocksize=OUTER_BLOCK,
        dtype=torch.float32,
    )
    state = library.QuantState(
        absmax=scales,
        shape=torch.Size(shape),
        code=_table("of weights", device),
        blocksize=BLOCK,
        quant_type="nf4",
        dtype=dtype,
        offset=outer[-1].float(),
        state2=second,
    )
    return library.dequantize_4bit(packed, state)


@lru_cache(maxsize=8)
def _table(which: str, device: str) -> Tensor:
    """What the stored numbers stand for; one for all layers."""
    library = bitsandbytes_functions()
    if which == "of weights":
        return library.get_4bit_type("nf4", device=device)
    return library.create_dynamic_map().to(device)


def _pack8(weight: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Rows divided by a 127th of their largest magnitude, rounded to whole numbers."""
    scales = weight.detach().float().abs().amax(1)
    steps = 127 / scales.clamp_min(torch.finfo(torch.float32).tiny)
    packed = (weight.float() * steps[:, None]).round_().to(torch.int8)
    return packed, scales, scales.new_empty(0)


def quantise(model: nn.Module, names: Sequence[str], *, bits: Bits) -> nn.Module:
    """The same model with the weights of these linear layers in `bits`, one after another.

    Whatever stays gets memory of its own, so that mapped weight files are given back.
    """
    for name in names:
        parent, _, leaf = name.rpartition(".")
        owner: Any = model.get_submodule(parent)
        layer: nn.Linear = getattr(owner, leaf)
        setattr(owner, leaf, QuantisedLinear(layer, bits=bits).train(layer.training))
    for parameter in model.parameters():
        parameter.data = parameter.data.clone()
    return model


def dequantise(model: nn.Module) -> nn.Module:
    """The same model, changed in place: every such layer an ordinary one again."""
    for name, layer in quantised_layers(model).items():
        parent, _, leaf = name.rpartition(".")
        setattr(model.get_submodule(parent), leaf, layer.plain())
    return model
