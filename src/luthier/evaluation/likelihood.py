"""The NLL of each row's target, through the objective that trained on such rows."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from luthier.core.errors import DataError
from luthier.data.features import Features
from luthier.data.overflow import fit_to
from luthier.data.rows import Row, Text
from luthier.models.bundle import Bundle
from luthier.objectives.contract import Objective, Roles

Nll = tuple[float, float]
"""Summed nats and the weight of the tokens they are summed over; (nan, 0): not measured."""


def row_nlls(bundle: Bundle, objective: Objective, rows: Sequence[Row]) -> list[Nll]:
    """NLL of the trained tokens of each row. A text longer than the context is read in pieces, a
    conversation loses its beginning."""
    found: list[Nll] = []
    for index, row in enumerate(rows):
        features = objective.prepare(row, bundle.codec, index=index)
        found.append(nll_of(bundle, objective, _within(features, row, bundle.facts.context_length)))
    return found


def nll_of(bundle: Bundle, objective: Objective, features: Sequence[Features]) -> Nll:
    """NLL of one row that is given as its features, one piece at a time."""
    if not features:
        return math.nan, 0.0
    device = next(bundle.model.parameters()).device
    bundle.model.eval()
    total, count = 0.0, 0.0
    for item in features:
        with torch.no_grad():
            batch = objective.collate([item]).to(device)
            loss = objective.loss(Roles(policy=bundle), batch)
        total, count = total + float(loss.sum), count + float(loss.count)
    return total, count


def _within(features: Features, row: Row, context: int) -> list[Features]:
    policy = "split" if isinstance(row, Text) else "truncate_prompt"
    try:
        return fit_to(features, context, policy, str(row.origin))
    except DataError:
        # the answer alone is longer than the context: there is nothing to score
        return []
