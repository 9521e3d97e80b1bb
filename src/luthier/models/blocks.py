"""The stack of like blocks inside a model: the level of every parameter, and what never moves.

Levels: 0 before the blocks (embeddings), i for block i counted from 1, and one more behind them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from torch import nn


@dataclass(frozen=True, slots=True)
class Stack:
    """The blocks of a model, bottom first, and the name of the list that holds them."""

    name: str
    blocks: tuple[nn.Module, ...]

    def prefix(self, index: int) -> str:
        """What names in block `index` begin with."""
        return f"{self.name}.{index}."


@dataclass(slots=True)
class Frozen:
    """The part of a model below which nothing moves.

    It runs without dropout, whether its outputs are kept or not: what never learns need not be
    disturbed, and what it gives for a row is the same every time.
    """

    depth: int = 0
    """So many blocks, from the bottom."""
    is_whole: bool = False
    """Every block: only what follows the final hidden states moves."""
    scores_only: bool = False
    """Of those states only the ones are needed that class scores are read from."""
    blocks: tuple[nn.Module, ...] = ()
    """All of the model."""
    modules: list[nn.Module] = field(default_factory=list[nn.Module])
    """Its frozen part."""
    gives_tuple: bool = False
    """Blocks give their states as the first of several things."""

    def rest(self) -> None:
        """Take its modules out of training, which `model.train()` put them into."""
        for module in self.modules:
            if module.training:
                module.eval()


def stack_of(model: nn.Module) -> Stack | None:
    """The list of modules that holds most parameters; None where there is none."""
    best, most = None, 0
    for name, part in model.named_modules():
        size = sum(p.numel() for p in part.parameters()) if isinstance(part, nn.ModuleList) else 0
        if isinstance(part, nn.ModuleList) and size > most:
            best, most = Stack(name, tuple(part)), size
    return best


def levels(model: nn.Module) -> dict[str, int]:
    """The level of every parameter, tied ones under their first name; all 0 without blocks."""
    stack = stack_of(model)
    names = [name for name, _ in model.named_parameters()]
    if stack is None:
        return dict.fromkeys(names, 0)
    top, found, seen = len(stack.blocks) + 1, dict[str, int](), False
    behind = tuple(f"{name}." for name in head_modules(model))
    for name in names:
        if name.startswith(f"{stack.name}."):
            seen = True
            found[name] = int(name[len(stack.name) + 1 :].partition(".")[0]) + 1
        else:
            found[name] = top if seen or name.startswith(behind) else 0
    return found


def frozen_depth(model: nn.Module) -> int:
    """Blocks at the bottom below which nothing moves; 0 too where nothing moves at all."""
    level = levels(model)
    moved = [level[name] for name, p in model.named_parameters() if p.requires_grad]
    return max(min(moved, default=0) - 1, 0)


def frozen_of(model: nn.Module, *, scores: bool) -> Frozen:
    """The frozen part of a model. Args: scores: it is run for class scores alone."""
    depth, stack = frozen_depth(model), stack_of(model)
    if not depth or stack is None:
        return Frozen()
    is_whole = depth == len(stack.blocks)
    modules = [*_below(model, stack, is_whole=is_whole), *stack.blocks[:depth]]
    return Frozen(depth, is_whole, is_whole and scores, stack.blocks, modules)


def head_modules(model: nn.Module) -> list[str]:
    """Names of the modules that a model has beyond its pre-trained trunk.

    That is everything outside `base_model_prefix`, and the pooler, which feeds nothing else. None
    of a model that is such a trunk itself.
    """
    prefix = str(getattr(model, "base_model_prefix", ""))
    if prefix and not hasattr(model, prefix):
        return []
    found = [name for name, part in model.named_children() if name != prefix and _moves(part)]
    pooler = f"{prefix}.pooler"
    if any(name == pooler and _moves(part) for name, part in model.named_modules()):
        found.append(pooler)
    return found


def _below(model: Any, stack: Stack, *, is_whole: bool) -> Iterator[nn.Module]:
    """Modules that run before the first block, and where no block moves those behind the last."""
    prefix = str(getattr(model, "base_model_prefix", ""))
    seen, heads = False, set(head_modules(model))
    for name, module in model.named_modules():
        is_around = stack.name == name or stack.name.startswith(f"{name}.") or not name
        is_head = any(name == head or name.startswith(f"{head}.") for head in heads)
        is_outside = bool(prefix) and not name.startswith(f"{prefix}.")
        if name == stack.name:
            seen = True
        if is_around or is_head or is_outside or name.startswith(f"{stack.name}."):
            continue
        if not seen or is_whole:
            yield module


def _moves(module: nn.Module) -> bool:
    return any(True for _ in module.parameters())
