"""Small two-layer networks beside the sublayers of a transformer: where adapters live.

Letters: D width, S size of the bottleneck, H what a sublayer gives, R the stream it is added to.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from transformers.activations import get_activation

from luthier.models.added import Added
from luthier.models.blocks import stack_of

Reads = Literal["output", "sum", "stream"]
"""What it reads: H; the normed H + R (without the norm where the block has none there); or R."""
Sublayer = Literal["attention", "feedforward"]
NAME = "luthier"
"""Of our adapter, among those that the `adapters` library gives names to."""


class Bottleneck(Added):
    """What it adds to H: scaling * (act(z A^T + a) B^T + b), with A (S, D), B (D, S).

    B and both biases start at zero, so a fresh one adds nothing.
    Source: Houlsby et al. 2019, arXiv:1902.00751, figure 2; names as in the `adapters` library.
    """

    def __init__(
        self, width: int, size: int, *, reads: Reads, activation: str, scaling: float
    ) -> None:
        super().__init__()
        self.width, self.size, self.activation = width, size, activation
        self.reads: Reads = reads
        self.adapter_down = nn.Sequential(nn.Linear(width, size), get_activation(activation))
        self.adapter_up = nn.Linear(size, width)
        self.scaling = scaling

    @torch.no_grad()
    def reset(self, generator: torch.Generator) -> None:
        """Draw A as `kaiming_uniform_(a=sqrt(5))` does; the rest becomes zero."""
        down: Any = self.adapter_down[0]
        start = torch.empty(down.weight.shape)
        nn.init.kaiming_uniform_(start, a=math.sqrt(5), generator=generator)
        down.weight.copy_(start)
        for part in (down.bias, self.adapter_up.weight, self.adapter_up.bias):
            part.zero_()

    def forward(self, input: Tensor) -> Tensor:
        down: Any = self.adapter_down[0]
        lowered = self.adapter_down[1](_linear(down, input))
        return _linear(self.adapter_up, lowered) * self.scaling


@dataclass(frozen=True, slots=True)
class Site:
    """Where a bottleneck goes in a block: its output is added to H before R is."""

    sublayer: Sublayer
    holder: str
    """The module that holds it, by its name in the model; made where there is none."""
    point: nn.Module
    """Gives H, alone or as the first of several things."""
    stream: nn.Module
    """Is called with R,"""
    at: int
    """as this argument."""
    norm: nn.Module | None
    """Norms H + R."""


def sites(model: nn.Module, sublayers: frozenset[Sublayer]) -> list[Site]:
    """Places beside these sublayers in all blocks; none where the blocks are not understood.

    Understood are blocks like BERT's, which norm a sublayer's output and its input, added up, and
    blocks like LLaMA's, which norm its input alone.
    """
    stack = stack_of(model)
    if stack is None:
        return []
    found: list[Site] = []
    for index, block in enumerate(stack.blocks):
        name = f"{stack.name}.{index}"
        own = [*_like_bert(block, name, sublayers), *_like_llama(block, name, sublayers)]
        if len(own) != len(sublayers):
            return []
        found += own
    return found


def install(model: nn.Module, site: Site, part: Bottleneck) -> None:
    """Put a bottleneck where it belongs."""
    parent, _, leaf = site.holder.rpartition(".")
    if not hasattr(model.get_submodule(parent), leaf):
        model.get_submodule(parent).add_module(leaf, nn.Module())
    model.get_submodule(site.holder).add_module("adapters", nn.ModuleDict({NAME: part}))
    kept: list[Tensor] = []

    def keep(module: nn.Module, args: tuple[Any, ...]) -> None:
        del module
        kept[:] = [args[site.at]]

    def add(module: nn.Module, args: tuple[Any, ...], output: Any) -> Any:
        del module, args
        stream, kept[:] = kept[0], []
        if not part.enabled:
            return output
        given = output[0] if isinstance(output, tuple) else output
        changed = given + part(_input(part.reads, given, stream, site.norm))
        return (changed, *output[1:]) if isinstance(output, tuple) else changed

    site.stream.register_forward_pre_hook(keep)
    site.point.register_forward_hook(add)


def bottlenecks(model: nn.Module) -> dict[str, Bottleneck]:
    """Every bottleneck of a model by its name."""
    return {name: part for name, part in model.named_modules() if isinstance(part, Bottleneck)}


def _input(reads: Reads, given: Tensor, stream: Tensor, norm: nn.Module | None) -> Tensor:
    if reads == "output":
        return given
    if reads == "stream":
        return stream
    total = given + stream
    return total if norm is None else norm(total)


def _like_bert(block: Any, name: str, sublayers: frozenset[Sublayer]) -> Iterator[Site]:
    places: dict[Sublayer, str] = {"attention": "attention.output", "feedforward": "output"}
    for sublayer, place in places.items():
        parts = dict(block.named_modules())
        inner = [parts.get(f"{place}.{leaf}") for leaf in ("dense", "dropout", "LayerNorm")]
        if sublayer in sublayers and all(part is not None for part in inner):
            _, dropout, norm = inner
            assert dropout is not None
            yield Site(sublayer, f"{name}.{place}", dropout, parts[place], 1, norm)


def _like_llama(block: Any, name: str, sublayers: frozenset[Sublayer]) -> Iterator[Site]:
    norms = {leaf for leaf, _ in block.named_children() if "norm" in leaf.lower()}
    if norms != {"input_layernorm", "post_attention_layernorm"}:
        return
    if not (hasattr(block, "self_attn") and hasattr(block, "mlp")):
        return
    if "attention" in sublayers:
        norm = block.input_layernorm
        yield Site("attention", f"{name}.attention_adapters", block.self_attn, norm, 0, None)
    if "feedforward" in sublayers:
        norm = block.post_attention_layernorm
        yield Site("feedforward", f"{name}.output_adapters", block.mlp, norm, 0, None)


def _linear(layer: nn.Linear, input: Tensor) -> Tensor:
    return nn.functional.linear(input, layer.weight.to(input.dtype), layer.bias.to(input.dtype))
