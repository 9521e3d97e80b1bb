"""A tuner put on an open model, and every weight in the type that it is to have from then on."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from luthier.models.bundle import Bundle
from luthier.tuners.contract import Tuner


def attach(tuner: Tuner, bundle: Bundle, *, seed: int, frozen: torch.dtype) -> Bundle:
    """The bundle with `tuner` applied: what moves is float32, what stays has the type `frozen`.

    A vector beside one that moves has the values of that type, held in float32, and so has a norm
    with running statistics. The trunk is that of the model before; build it anew.
    Raises: RecipeError: the tuner and its settings do not fit the model.
    """
    bundle = tuner.apply(bundle, seed=seed)
    rests = not all(parameter.requires_grad for parameter in bundle.model.parameters())
    for module in bundle.model.modules():
        own = [p for p in module.parameters(recurse=False) if p.is_floating_point()]
        moves = any(parameter.requires_grad for parameter in own)
        for parameter in own:
            if not parameter.requires_grad:
                parameter.data = parameter.data.to(frozen)
            # a norm takes its weight and its bias in one type, whichever of them moves
            if parameter.requires_grad or (moves and parameter.ndim < 2):
                parameter.data = parameter.data.to(torch.float32)
        if isinstance(getattr(module, "running_mean", None), Tensor):
            _statistics(module, values=frozen if rests else torch.float32)
    return bundle


def _statistics(module: nn.Module, *, values: torch.dtype) -> None:
    """A norm by running means, which it takes in the type of its weights only: all in float32. The
    means are weights that rest where anything does, and have the values of that type then."""
    for buffer in module.buffers(recurse=False):
        if buffer.is_floating_point():
            buffer.data = buffer.data.to(values)
    module.float()
