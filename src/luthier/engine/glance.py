"""A few training rows run through a model that nothing was put on yet."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from luthier.data.features import Features
from luthier.models.bundle import Bundle
from luthier.objectives import Objective, Precomputer, Roles

NUM_GROUPS = 16
"""Rows that are looked at (where rows interact: pairs of rows)."""


def groups(objective: Objective, features: Sequence[Features]) -> list[list[Features]]:
    """Rows at even distances, in the smallest groups that have a loss."""
    size = 1 if objective.additive else 2
    number = min(NUM_GROUPS * size, len(features))
    places = np.linspace(0, len(features) - 1, number).round().astype(int)
    picked = [features[int(place)] for place in places]
    return [picked[at : at + size] for at in range(0, number, size)]


def loss(bundle: Bundle, objective: Objective, group: Sequence[Features]) -> Tensor:
    """Mean loss of some rows; nothing is tuned yet, so the reference is the model itself."""
    device = next(bundle.model.parameters()).device
    models, rows = Roles(bundle, lambda: nullcontext(bundle)), list(group)
    if isinstance(objective, Precomputer):
        with torch.no_grad():
            said = objective.constants(models, objective.collate(rows).to(device))
        for place, item in enumerate(rows):
            own = {name: np.asarray(values[place]) for name, values in said.items()}
            rows[place] = replace(item, arrays={**item.arrays, **own})
    found = objective.loss(models, objective.collate(rows).to(device))
    return found.sum / found.count
