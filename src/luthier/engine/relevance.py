"""How much the loss depends on parts of a model, measured on some rows before training."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager

import numpy as np
from torch import Tensor, nn

from luthier.core.errors import RecipeError
from luthier.data.features import Features
from luthier.engine import glance
from luthier.models.bundle import Bundle
from luthier.objectives import Objective


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
    groups = glance.groups(objective, features)
    total = dict.fromkeys(parts, 0.0)
    with _squares(bundle.model, parts, total):
        for group in groups:
            glance.loss(bundle, objective, group).backward()
    found = {name: float(np.sqrt(square / len(groups))) for name, square in total.items()}
    if not any(found.values()):
        raise RecipeError(
            "tuner: the loss of these rows has no gradient in any layer, so none can be chosen by "
            "it. Name the layers."
        )
    return found


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
