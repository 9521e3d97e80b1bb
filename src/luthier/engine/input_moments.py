"""What the inputs of layers are like, measured on some rows before training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from luthier.data.features import Features
from luthier.engine import glance
from luthier.models.bundle import Bundle
from luthier.objectives import Objective


@torch.no_grad()
def input_moments(
    bundle: Bundle, objective: Objective, features: Sequence[Features], layers: Sequence[str]
) -> dict[str, Tensor]:
    """Mean over tokens of x x^T (I, I) for the inputs x of each of `layers`, float32.

    Layers to which nothing came are left out. The model is as it was before.
    """
    totals: dict[str, Tensor] = {}
    counts = dict.fromkeys(layers, 0)
    hooks = [
        bundle.model.get_submodule(name).register_forward_pre_hook(_adder(name, totals, counts))
        for name in layers
    ]
    try:
        for group in glance.groups(objective, features):
            glance.loss(bundle, objective, group)
    finally:
        for hook in hooks:
            hook.remove()
    return {name: total.div_(counts[name]) for name, total in totals.items()}


def _adder(
    name: str, totals: dict[str, Tensor], counts: dict[str, int]
) -> Callable[[Any, tuple[Tensor, ...]], None]:
    def add(_: Any, given: tuple[Tensor, ...]) -> None:
        rows_TI = given[0].detach().flatten(0, -2).float()
        if name not in totals:
            totals[name] = rows_TI.new_zeros(rows_TI.shape[1], rows_TI.shape[1])
        totals[name].addmm_(rows_TI.t(), rows_TI)
        counts[name] += len(rows_TI)

    return add
