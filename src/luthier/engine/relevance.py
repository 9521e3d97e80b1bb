"""How much the loss depends on parts of a model, measured on some rows before training."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from luthier.core.errors import RecipeError
from luthier.data.features import Features
from luthier.models.bundle import Bundle
from luthier.objectives import Objective, Precomputer, Roles

NUM_GROUPS = 16
"""Rows that are looked at (where rows interact: pairs of rows)."""


def relevance(
    bundle: Bundle,
    objective: Objective,
    features: Sequence[Features],
    parts: Mapping[str, Sequence[str]],
) -> dict[str, float]:
    """Root mean square over rows of the norm of the gradient of each part's parameters: the root of
    its share of the trace of the empirical Fisher information.

    Rows are taken at even distances. No gradient is kept: each is squared and let go as soon as the
    backward pass has it. The model is as it was before.
    Raises: RecipeError: the loss has no gradient in any part.
    """
    size = 1 if objective.additive else 2
    picked = _spread(features, NUM_GROUPS * size)
    groups = [picked[at : at + size] for at in range(0, len(picked), size)]
    total = dict.fromkeys(parts, 0.0)
    with _squares(bundle.model, parts, total):
        for group in groups:
            loss = _loss(bundle, objective, group)
            loss.backward()
    found = {name: float(np.sqrt(square / len(groups))) for name, square in total.items()}
    if not any(found.values()):
        raise RecipeError(
            "tuner: the loss of these rows has no gradient in any layer, so none can be chosen by "
            "it. Name the layers."
        )
    return found


def _spread(features: Sequence[Features], number: int) -> list[Features]:
    places = np.linspace(0, len(features) - 1, min(number, len(features))).round().astype(int)
    return [features[int(place)] for place in places]


def _loss(bundle: Bundle, objective: Objective, group: list[Features]) -> Tensor:
    """Mean loss of some rows; nothing is tuned yet, so the reference is the model itself."""
    device = next(bundle.model.parameters()).device
    models = Roles(bundle, lambda: nullcontext(bundle))
    if isinstance(objective, Precomputer):
        with torch.no_grad():
            said = objective.constants(models, objective.collate(group).to(device))
        for place, item in enumerate(group):
            own = {name: np.asarray(values[place]) for name, values in said.items()}
            group[place] = replace(item, arrays={**item.arrays, **own})
    loss = objective.loss(models, objective.collate(group).to(device))
    return loss.sum / loss.count


@contextmanager
def _squares(
    model: nn.Module, parts: Mapping[str, Sequence[str]], total: dict[str, float]
) -> Generator[None]:
    """Within it the backward pass adds the square of each part's gradient to `total`."""
    before = {name: p.requires_grad for name, p in model.named_parameters()}
    model.requires_grad_(False)
    hooks = [
        model.get_parameter(name)
        .requires_grad_(True)
        .register_post_accumulate_grad_hook(_adder(part, total))
        for part, names in parts.items()
        for name in names
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(before[name])
            parameter.grad = None


def _adder(part: str, total: dict[str, float]) -> Callable[[Tensor], None]:
    def add(parameter: Tensor) -> None:
        assert parameter.grad is not None
        total[part] += float(parameter.grad.float().square().sum())
        parameter.grad = None

    return add
