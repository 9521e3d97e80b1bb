"""How much each parameter of an untuned model would move: squared gradients on training rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from luthier.core import seeds
from luthier.data.features import Features
from luthier.models.bundle import Bundle
from luthier.objectives.contract import Objective, Roles


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """Implements `tuners.contract.Gradients` on an open model with a trunk."""

    bundle: Bundle
    objective: Objective
    rows: Sequence[Features]
    seed: int
    group: int = field(default=8)
    """Rows in one forward pass."""

    def __call__(self, num_rows: int, *, one_by_one: bool = False) -> Mapping[str, float]:
        """Squared norms by name; no dropout, and nothing of the model is changed.

        Rows are drawn from the training rows by the seed. One by one no gradient is kept longer
        than its own parameter's turn.
        """
        draws = seeds.stream(self.seed, "sensitivity")
        chosen = draws.sample(range(len(self.rows)), min(num_rows, len(self.rows)))
        rows = [self.rows[index] for index in chosen]
        size = 1 if one_by_one and self.objective.additive else self.group
        parts = [rows[at : at + size] for at in range(0, len(rows), size)]
        return self._measured(parts, apart=one_by_one)

    def _measured(self, parts: Sequence[Sequence[Features]], *, apart: bool) -> dict[str, float]:
        model = self.bundle.model
        named = dict(model.named_parameters())
        before = {name: parameter.requires_grad for name, parameter in named.items()}
        was_training = model.training
        squares, weight = dict.fromkeys(named, 0.0), 0.0
        try:
            model.eval()
            for parameter in named.values():
                parameter.grad = None
                parameter.requires_grad_(parameter.is_floating_point())
            for part in parts:
                count = self._backward(part)
                weight += 1.0 if apart else count
                if apart:
                    _collect(named, squares, scale=1 / (count or 1.0))
            if not apart:
                _collect(named, squares, scale=1 / (weight or 1.0))
        finally:
            model.train(was_training)
            for name, parameter in named.items():
                parameter.grad = None
                parameter.requires_grad_(before[name])
        return {
            name: value / (weight if apart and weight else 1.0) for name, value in squares.items()
        }

    def _backward(self, rows: Sequence[Features]) -> float:
        device = next(self.bundle.model.parameters()).device
        loss = self.objective.loss(Roles(self.bundle), self.objective.collate(rows).to(device))
        loss.sum.backward()
        return float(loss.count)


@torch.no_grad()
def _collect(named: Mapping[str, nn.Parameter], squares: dict[str, float], *, scale: float) -> None:
    """Add the squared norms of the gradients that are there, and forget them."""
    for name, parameter in named.items():
        if parameter.grad is not None:
            squares[name] += float(_norm(parameter.grad) * scale) ** 2
            parameter.grad = None


def _norm(gradient: Tensor) -> Tensor:
    values = gradient.coalesce().values() if gradient.is_sparse else gradient
    return values.float().norm()
