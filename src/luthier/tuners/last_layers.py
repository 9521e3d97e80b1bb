"""Some layers move whole: the last, the first, the most relevant ones, or what a pattern names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Literal

from pydantic import Field, model_validator
from torch import nn

from luthier.core.config import Auto, ComponentConfig
from luthier.core.errors import RecipeError
from luthier.core.hints import did_you_mean
from luthier.models.blocks import Stack, stack_of
from luthier.models.bundle import Bundle, Facts, Kind, Outline
from luthier.tuners import tuners
from luthier.tuners._own import OwnTensors, new_head

NUM_LAYERS = 2
"""Blocks that move where nothing is said."""


class Config(ComponentConfig):
    """Which layers."""

    num_layers: int = Field(NUM_LAYERS, ge=0)
    """How many blocks move (0: only what `modules` names)."""
    choose: Literal["last", "first", "relevant"] = "last"
    """relevant: those that the loss of some training rows depends on most (Fisher information),
    measured before training."""
    layers: list[int] | Auto = "auto"
    """The blocks that move, counted from 0, or from the end as -1, -2; auto: by `choose`."""
    modules: list[str] = Field(default_factory=list[str])
    """What moves too: names or globs of modules or parameters, such as "*.norm" or lm_head."""

    @model_validator(mode="after")
    def _something(self) -> Config:
        if not self.modules and (
            self.layers == [] or (self.layers == "auto" and not self.num_layers)
        ):
            raise ValueError("expected at least one layer, or something in `modules`")
        if isinstance(self.layers, list) and not self._is_measured_or_silent(len(self.layers)):
            raise ValueError("layers says which blocks move: leave num_layers and choose out")
        return self

    def _is_measured_or_silent(self, count: int) -> bool:
        """Whether num_layers and choose say nothing beside `count` blocks in `layers`: what was
        measured is recorded there, and defaults are recorded too."""
        usual = NUM_LAYERS if self.choose == "last" else count
        return self.choose != "first" and self.num_layers in (usual, count)


@tuners.add
class LastLayers(OwnTensors):
    """Trains the parameters of the chosen blocks, kept in float32, and a head (with pooler). What
    lies below the lowest of them is run once per row, not once per epoch. Merges exactly.

    Source: of a choice by gradients, Lee et al. 2023, arXiv:2210.11466 (surgical fine-tuning).
    """

    Config = Config
    config: Config

    @classmethod
    def usual_rate(cls, facts: Facts, kind: Kind) -> tuple[float, str]:
        """Between a whole model and a head: little can be spoilt below, so more than for `full`."""
        if kind != "causal_lm":
            return 5e-4, "some layers of an encoder"
        if facts.hidden_size < 1024:
            return 3e-4, "some layers of a small language model"
        return 5e-5, "some layers of a language model"

    def parts(self, outline: Outline) -> Mapping[str, Sequence[str]]:
        """The parameters of every block, where they are to be chosen by relevance.

        Raises: RecipeError: the model has no such stack of blocks.
        """
        if not self._is_measured():
            return {}
        stack = _stack(outline.model)
        every = [name for name, _ in outline.model.named_parameters()]
        return {
            str(index): [name for name in every if name.startswith(stack.prefix(index))]
            for index in range(len(stack.blocks))
        }

    def choose(self, relevance: Mapping[str, float]) -> dict[str, tuple[object, str]]:
        """The blocks with the largest relevance; of equal ones the upper."""
        count = self.config.num_layers
        best = sorted(relevance, key=lambda name: (-relevance[name], -int(name)))
        listed = ", ".join(f"{name}: {relevance[name]:.3g}" for name in best[: count + 2])
        why = f"the {count} of {len(best)} layers that the loss depends on most ({listed})"
        return {"layers": (sorted(int(name) for name in best[:count]), why)}

    def apply(self, bundle: Bundle, *, seed: int) -> Bundle:
        """The same bundle with the chosen blocks, what `modules` names, and a head trained.

        Raises: RecipeError: a layer that is not there, or a pattern that names nothing.
        """
        del seed  # nothing is drawn
        assert not self._is_measured(), "measured beforehand"
        return self.move(bundle, self.check(bundle))

    def check(self, outline: Outline) -> list[str]:
        """What will move, without the blocks that relevance chooses.

        Raises: RecipeError: a layer that is not there, or a pattern that names nothing.
        """
        config, names = self.config, list[str]()
        if self._is_measured():
            _count(config, _stack(outline.model))
        elif config.layers != [] and (config.layers != "auto" or config.num_layers):
            stack = _stack(outline.model)
            chosen = _ends(config, stack) if config.layers == "auto" else config.layers
            inside = tuple(stack.prefix(index) for index in _indices(chosen, stack))
            every = (name for name, _ in outline.model.named_parameters())
            names = [name for name in every if name.startswith(inside)]
        return [*names, *_named(outline.model, config.modules), *new_head(outline)]

    def _is_measured(self) -> bool:
        """Whether the blocks are still to be chosen by relevance."""
        return self.config.layers == "auto" and self.config.choose == "relevant"


def _stack(model: nn.Module) -> Stack:
    found = stack_of(model)
    if found is None:
        raise RecipeError(
            f"recipe tuner.name: 'last_layers' needs a model made of like blocks, and "
            f"{type(model).__name__} has none. Name what moves by tuner.modules with "
            "tuner.num_layers=0, or use tuner 'full'."
        )
    return found


def _count(config: Config, stack: Stack) -> int:
    if config.num_layers > len(stack.blocks):
        raise RecipeError(
            f"recipe tuner.num_layers: got {config.num_layers}, but the model has "
            f"{len(stack.blocks)} layers. Use at most {len(stack.blocks)}, or tuner 'full'."
        )
    return config.num_layers


def _ends(config: Config, stack: Stack) -> list[int]:
    """The blocks of a choice that needs no measuring."""
    count, size = _count(config, stack), len(stack.blocks)
    return list(range(count)) if config.choose == "first" else list(range(size - count, size))


def _indices(layers: Sequence[int], stack: Stack) -> list[int]:
    size = len(stack.blocks)
    wrong = [index for index in layers if not -size <= index < size]
    if wrong:
        raise RecipeError(
            f"recipe tuner.layers: got {wrong[0]}, but the model has {size} layers: expected "
            f"0 to {size - 1}, or -{size} to -1 from the end."
        )
    return sorted({index % size for index in layers})


def _named(model: nn.Module, patterns: Sequence[str]) -> list[str]:
    """Parameters that a pattern names, or that lie in a module that it names.

    Raises: RecipeError: a pattern that names none.
    """
    every, found = [name for name, _ in model.named_parameters()], list[str]()
    for pattern in patterns:
        chosen = [name for name in every if _is_meant(name, pattern)]
        if not chosen:
            _refuse_tied(model, pattern)
            parts = {part for name in every for part in name.split(".") if not part.isdigit()}
            hint = did_you_mean(pattern.rpartition(".")[2], parts)
            raise RecipeError(
                f"recipe tuner.modules: '{pattern}' names nothing that can move{hint}"
            )
        found += chosen
    return found


def _refuse_tied(model: nn.Module, pattern: str) -> None:
    """Raises: RecipeError: the pattern names the second of two that are one matrix."""
    first = {id(parameter): name for name, parameter in model.named_parameters()}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        if _is_meant(name, pattern):
            raise RecipeError(
                f"recipe tuner.modules: '{pattern}' is tied: its '{name}' is one matrix with "
                f"'{first[id(parameter)]}'. Name that one to train both, or use tuner 'head', "
                "which gives an output layer a copy of its own."
            )


def _is_meant(name: str, pattern: str) -> bool:
    parts = name.split(".")
    ends = [".".join(parts[:size]) for size in range(1, len(parts) + 1)]
    if any(sign in pattern for sign in "*?["):
        return any(fnmatchcase(end, pattern) for end in ends)
    return any(end == pattern or end.endswith("." + pattern) for end in ends)
