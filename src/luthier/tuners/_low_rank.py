"""Low-rank terms in a model: their tensors by name, and what PEFT calls them."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from luthier.core.errors import RecipeError, RunError
from luthier.models.linear import Linear, TurnedLinear, added
from luthier.models.low_rank import LowRankLinear
from luthier.models.token_rows import TokenRows, token_rows
from luthier.tuners._patterns import shortest
from luthier.tuners._peft import saved_whole, target_modules
from luthier.tuners._restore import exchanged
from luthier.tuners._tables import peft_tables, trained_tables, with_tied, without_tied
from luthier.tuners._targets import replace
from luthier.tuners._tokens import SUFFIX, peft_indices

_A, _B, _LENGTHS = ".lora_A.weight", ".lora_B.weight", ".lora_magnitude_vector"
_START_A, _START_B = ".start_A", ".start_B"


def adapters(model: nn.Module) -> Iterator[tuple[str, LowRankLinear]]:
    """Every layer with a low-rank term, by its name."""
    for name, module in model.named_modules():
        if isinstance(module, LowRankLinear):
            yield name, module


def trained_whole(model: nn.Module) -> dict[str, Tensor]:
    """Trained parameters that belong to no low-rank term: those of a head, and whole tables."""
    parts = [*dict(adapters(model)).values(), *token_rows(model).values()]
    inside = {id(p) for part in parts for p in part.parameters(recurse=False)}
    return {
        name: parameter
        for name, parameter in model.named_parameters()
        if parameter.requires_grad and id(parameter) not in inside
    }


def tensors_of(model: nn.Module) -> dict[str, Tensor]:
    """What restores every term, and what was trained whole."""
    found: dict[str, Tensor] = {}
    for name, layer in adapters(model):
        found[name + _A], found[name + _B] = layer.lora_A, layer.lora_B
        if layer.magnitude is not None:
            found[name + _LENGTHS] = layer.magnitude
        if layer.start_A is not None and layer.start_B is not None:
            found[name + _START_A], found[name + _START_B] = layer.start_A, layer.start_B
    return {**found, **_rows(model), **trained_whole(model)}


def switched(model: nn.Module) -> list[LowRankLinear | TokenRows]:
    """Everything that can be switched off."""
    return [*dict(adapters(model)).values(), *token_rows(model).values()]


def switch(layers: Sequence[LowRankLinear | TokenRows], enabled: Sequence[bool]) -> None:
    """Which terms and rows take part."""
    for layer, is_enabled in zip(layers, enabled, strict=True):
        layer.enabled = is_enabled


@contextmanager
def untuned(model: nn.Module, first_whole: Mapping[str, Tensor]) -> Generator[nn.Module]:
    """Within it terms and rows are off, and what is trained whole is what it started as."""
    layers = switched(model)
    before = [layer.enabled for layer in layers]
    try:
        switch(layers, [False] * len(layers))
        with exchanged(trained_whole(model), first_whole):
            yield model
    finally:
        switch(layers, before)


def merge_all(model: nn.Module) -> nn.Module:
    """The same model, changed in place: every term added to its layer's weight."""
    for name, layer in list(adapters(model)):
        with torch.no_grad():
            change = layer.delta()
        replace(model, name, added(layer.base, change))
    for name, rows in token_rows(model).items():
        replace(model, name, rows.fold())
    return model


def peft_tensors(model: nn.Module) -> dict[str, Tensor]:
    """What PEFT needs: a term with a start is written as one of twice the rank, W staying whole."""
    found: dict[str, Tensor] = {}
    for name, layer in adapters(model):
        found[name + _A], found[name + _B] = layer.factors()
        if layer.magnitude is not None:
            found[name + _LENGTHS] = layer.magnitude
    return {**found, **_rows(model), **with_tied(model, trained_whole(model))}


def from_peft_tensors(model: nn.Module, saved: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """`tensors_of` a model whose `peft_tensors` are `saved`.

    Where there is a start A0, what is saved is A0 + dA and dA, so A0 comes back to within its last
    digit.
    """
    found = without_tied(model, saved)
    for name, layer in adapters(model):
        A_RI, B_OR = found.get(name + _A), found.get(name + _B)
        if layer.start_A is None or A_RI is None or B_OR is None:
            continue
        half = len(A_RI) // 2
        found[name + _A], found[name + _START_A] = A_RI[half:], A_RI[:half] - A_RI[half:]
        found[name + _B], found[name + _START_B] = B_OR[:, :half], B_OR[:, half:]
    return found


def peft_config(model: nn.Module, *, is_stabilised: bool) -> dict[str, Any]:
    """What PEFT says of a LORA adapter."""
    layers = dict(adapters(model))
    tables = tuple(f"{name}." for name in trained_tables(model))
    heads = [name for name in trained_whole(model) if not name.startswith(tables)]
    return {
        "peft_type": "LORA",
        **_ranks(model, is_stabilised=is_stabilised),
        "lora_dropout": next(iter(layers.values())).dropout,
        "target_modules": target_modules(model, layers.keys()),
        **peft_tables(model, saved_whole(model, heads)),
        "bias": "none",
        "fan_in_fan_out": any(isinstance(x.base, TurnedLinear) for x in layers.values()),
        "init_lora_weights": True,
        "use_dora": any(layer.magnitude is not None for layer in layers.values()),
        **peft_indices(model),
    }


def check_rank(rank: int, name: str, layer: Linear, *, where: str) -> None:
    """Raises: RecipeError: the rank, set at `where`, exceeds the size of the layer."""
    most = min(layer.in_features, layer.out_features)
    if rank > most:
        raise RecipeError(
            f"recipe {where}: got {rank}, but layer '{name}' is {layer.out_features} x "
            f"{layer.in_features}. Use a rank of at most {most}, or choose other layers with "
            "tuner.target."
        )


def _ranks(model: nn.Module, *, is_stabilised: bool) -> dict[str, Any]:
    """Ranks and alphas in PEFT's words, those of single layers as patterns."""
    layers = dict(adapters(model))
    is_stabilised = is_stabilised and all(layer.start_A is None for layer in layers.values())
    ranks = {name: layer.width for name, layer in layers.items()}
    alphas = {
        name: _whole(layer.scaling * (math.sqrt(layer.width) if is_stabilised else layer.width))
        for name, layer in layers.items()
    }
    rank, alpha = _usual(ranks.values()), _usual(alphas.values())
    return {
        "r": rank,
        "lora_alpha": alpha,
        "use_rslora": is_stabilised,
        "rank_pattern": shortest(ranks, rank),
        "alpha_pattern": shortest(alphas, alpha),
    }


def check_same(ours: Mapping[str, Any], saved: Mapping[str, Any]) -> None:
    """Raises: RunError: what was saved is another term than the one in the model."""
    scales = [float(each["lora_alpha"]) / each["r"] for each in (saved, ours)]
    if abs(scales[0] - scales[1]) > 1e-6 * abs(scales[0]):
        raise RunError(
            f"was trained with a scaling of {scales[0]:g}; tuner.alpha / tuner.rank gives "
            f"{scales[1]:g}"
        )
    for key in ("r", "use_rslora", "use_dora", "rank_pattern", "alpha_pattern"):
        if saved.get(key) != ours[key]:
            raise RunError(
                f"was trained with {key} = {saved.get(key)}; the recipe's tuner gives {ours[key]}"
            )


def _rows(model: nn.Module) -> dict[str, Tensor]:
    parts = token_rows(model).items()
    return {name + SUFFIX: part.own for name, part in parts if part.own is not None}


def _usual(values: Any) -> Any:
    found = list(values)
    return max(found, key=found.count)


def _whole(value: float) -> int | float:
    return round(value) if abs(value - round(value)) < 1e-6 else value
