"""Rates that fall from layer to layer, and layers that begin to move one after another.

Options of the loop: they read where a parameter lies in the model, and go with any tuner's groups.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from torch import nn

from luthier.models.blocks import levels
from luthier.tuners.contract import ParamGroup


def ranks(model: nn.Module, moved: Mapping[str, nn.Parameter]) -> dict[str, int]:
    """How many layers lie between each moved parameter and the uppermost one that moves.

    A last norm alone is no layer: where nothing else moves above the last block, it goes with it.
    """
    level = {name: found for name, found in levels(model).items() if name in moved}
    matrices = [level[name] for name, parameter in moved.items() if parameter.ndim > 1]
    top = max(matrices or level.values(), default=0)
    return {name: max(top - found, 0) for name, found in level.items()}


def decayed(
    groups: Sequence[ParamGroup], model: nn.Module, *, layer_decay: float
) -> list[ParamGroup]:
    """The groups cut by layer, the rate of each layer `layer_decay` times that of the one above.

    Source: Howard & Ruder 2018, arXiv:1801.06146, section 3.2 (there 1 / 2.6); Clark et al. 2020,
    arXiv:2003.10555, appendix A (0.8 for a small model).
    """
    if layer_decay == 1:
        return list(groups)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    moved = {names[id(p)]: p for group in groups for p in group.parameters}
    rank = {id(moved[name]): found for name, found in ranks(model, moved).items()}
    found: list[ParamGroup] = []
    for group in groups:
        for depth in sorted({rank[id(p)] for p in group.parameters}):
            chosen = [p for p in group.parameters if rank[id(p)] == depth]
            found.append(replace(group, parameters=chosen, rate=group.rate * layer_decay**depth))
    return found


def without_effect(
    model: nn.Module, *, layer_decay: float, unfreeze_every: int, num_steps: int
) -> list[str]:
    """Sentences on what of these settings changes nothing, or never gets to some of the layers."""
    moved = {name: p for name, p in model.named_parameters() if p.requires_grad}
    num_layers = len(set(ranks(model, moved).values()))
    given = {"layer_decay": layer_decay != 1, "unfreeze_every": unfreeze_every > 0}
    if num_layers < 2:
        names = " and ".join(f"training.{name}" for name, is_given in given.items() if is_given)
        return [f"{names} without effect: all that moves is in one layer"] if names else []
    begun = 1 + (num_steps - 1) // unfreeze_every if unfreeze_every else num_layers
    if begun >= num_layers:
        return []
    often = (num_steps - 1) // (num_layers - 1)
    hint = f"at {often} all of them would" if often else "the run is too short for all of them"
    return [
        f"training.unfreeze_every {unfreeze_every}: of {num_layers} layers only the upper {begun} "
        f"begin to move within {num_steps} steps; {hint}"
    ]


@dataclass(frozen=True, slots=True)
class Unfreezing:
    """Gradual unfreezing: the uppermost layer moves from the start, and every so many steps the
    one below it begins to. What moves is a function of the step, so nothing has to be saved for it.

    Source: Howard & Ruder 2018, arXiv:1801.06146, section 3.3 (there a layer per epoch).
    """

    layers: tuple[tuple[nn.Parameter, ...], ...]
    """Moved parameters by layer, uppermost first."""
    every: int

    @contextmanager
    def at(self, step: int) -> Generator[None]:
        """Within it only the layers that move at `step` get a gradient."""
        first = 1 + step // self.every if self.every else len(self.layers)
        still = [parameter for layer in self.layers[first:] for parameter in layer]
        for parameter in still:
            parameter.requires_grad_(False)
        try:
            yield
        finally:
            for parameter in still:
                parameter.requires_grad_(True)


def unfreezing(model: nn.Module, moved: Mapping[str, nn.Parameter], *, every: int) -> Unfreezing:
    """The layers of the moved parameters, as they begin to move."""
    rank = ranks(model, moved) if every else dict.fromkeys(moved, 0)
    layers = [
        tuple(moved[name] for name in moved if rank[name] == depth)
        for depth in sorted(set(rank.values()))
    ]
    return Unfreezing(tuple(layers), every)
