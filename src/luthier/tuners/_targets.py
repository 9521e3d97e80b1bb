"""Which linear layers of a model a tuner means, by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, TypeVar

from torch import nn

from luthier.core.errors import RecipeError
from luthier.core.hints import did_you_mean
from luthier.models.blocks import head_modules
from luthier.models.bundle import Outline
from luthier.models.linear import Linear, linear

L = TypeVar("L")
_ALL_LINEAR = ("all_linear", "all-linear", "all")
"""Every linear layer but a head, as it is called here, by PEFT and by LLaMA-Factory."""
_HEADLESS = ("causal_lm", "embedder")
"""Kinds of models without a head that is new."""


def heads_of(outline: Outline) -> list[str]:
    """Modules of the head (and pooler) of a kind that has a new one, to be trained whole."""
    return [] if outline.kind in _HEADLESS else head_modules(outline.model)


def linear_layers(outline: Outline) -> dict[str, Linear]:
    """Every linear layer by its full name, without those of a head."""
    found = {name: linear(module) for name, module in below_head(outline).items()}
    return {name: layer for name, layer in found.items() if layer is not None}


def below_head(outline: Outline) -> dict[str, nn.Module]:
    """Every module by its full name, without the output layer and those of a head and pooler."""
    output, but_not = _output_layer(outline.model), heads_of(outline)
    return {
        name: module
        for name, module in outline.model.named_modules()
        if module is not output
        and not any(name == part or name.startswith(part + ".") for part in but_not)
    }


def experts_left_out(outline: Outline, target: str | Sequence[str]) -> list[str]:
    """A sentence on the experts of a mixture that a target of all linear layers does not mean:
    transformers holds those of a layer in one parameter, apart from any linear layer."""
    holders = {
        name
        for name, module in below_head(outline).items()
        if not type(module).__module__.startswith("torch.")  # such as convolutions
        and any(p.ndim == 3 and len(p) > 1 for p in module.parameters(recurse=False))
    }
    if not holders or not _is_all(target):
        return []
    return [
        f"the experts of {len(holders)} layers are no linear layers ({min(holders)}): nothing is "
        "added to them, and they stay frozen"
    ]


def matching(layers: dict[str, Linear], target: str | Sequence[str]) -> dict[str, Linear]:
    """The layers that `target` names: "all_linear", or last parts of names, or globs; in a list, or
    in one text with commas between.

    Raises: RecipeError: a pattern that names no layer, with the nearest names.
    """
    if _is_all(target):
        if layers:
            return layers
        raise RecipeError(
            "recipe tuner.target: this model has no linear layers to adapt. Use tuner 'full'."
        )
    return named(layers, _patterns(target))


def _patterns(target: str | Sequence[str]) -> list[str]:
    parts = target.split(",") if isinstance(target, str) else target
    return [part.strip() for part in parts]


def _is_all(target: str | Sequence[str]) -> bool:
    return not set(_ALL_LINEAR).isdisjoint(_patterns(target))


def named(layers: Mapping[str, L], patterns: Sequence[str]) -> dict[str, L]:
    """The layers that last parts of names, or globs, mean; in the order of `layers`.

    Raises: RecipeError: a pattern that names no layer, with the nearest names.
    """
    for pattern in patterns:
        if not any(means(pattern, name) for name in layers):
            hint = did_you_mean(pattern, {name.rpartition(".")[2] for name in layers})
            raise RecipeError(
                f"recipe tuner.target: '{pattern}' names no linear layer below the head{hint}"
            )
    return {n: part for n, part in layers.items() if any(means(pattern, n) for pattern in patterns)}


def means(pattern: str, name: str) -> bool:
    """Whether a pattern is the end of a layer's name from a dot on, or a glob of it."""
    is_glob = any(sign in pattern for sign in "*?[")
    return (
        name == pattern or name.endswith("." + pattern) or (is_glob and fnmatchcase(name, pattern))
    )


def replace(model: nn.Module, name: str, module: nn.Module) -> None:
    """Put `module` where the module called `name` is."""
    parent, _, leaf = name.rpartition(".")
    setattr(model.get_submodule(parent), leaf, module)


def _output_layer(model: Any) -> nn.Module | None:
    get = getattr(model, "get_output_embeddings", None)
    return None if get is None else get()
