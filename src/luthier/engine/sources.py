"""Sources of one update that count different things: each a mean of its own, by its share of rows.

A sum over pairs and a sum over tokens have no common divisor: eight pairs beside 4,000 tokens would
weigh a 500th. With n rows, summed loss S and count C of everything that counts the same,

    loss = sum over units of (n / all rows) * S / C

and the gradient likewise. Sources that count what the main objective counts are one with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from luthier.data.features import Features
from luthier.engine.job import Job
from luthier.engine.optimizer import Optimizer
from luthier.objectives import Explorer, Loss, Part

Sources = Sequence[tuple[Part, list[Features]]]
"""Sources, and their rows of one update."""


@dataclass(frozen=True, slots=True)
class Apart:
    """What sources of one unit gave."""

    num_rows: int
    losses: Sequence[Loss]
    gradients: dict[str, Tensor]
    """Of their summed loss, by parameter name."""


def by_unit(job: Job, found: Sources) -> tuple[Sources, list[Sources]]:
    """Sources that count what the main objective counts, and the others by what they count."""
    groups: dict[str, list[tuple[Part, list[Features]]]] = {}
    for part, rows in found:
        groups.setdefault(part.objective.unit, []).append((part, rows))
    alike = groups.pop(job.objective.unit, [])
    return alike, list(groups.values())


def num_rows(job: Job, features: Sequence[Features], alike: Sources) -> int:
    """Rows of an update that count the same; of an explorer its prompts, not completions."""
    explores = isinstance(job.objective, Explorer)
    own = len({item.row for item in features}) if explores else len(features)
    return own + sum(len(rows) for _, rows in alike)


def joined(
    optimizer: Optimizer, losses: Sequence[Loss], others: Sequence[Apart], *, num_rows: int
) -> list[Loss]:
    """All losses as sums over what the main objective counts, and all gradients in place.

    Args: losses: of the main unit, whose summed gradients lie in the parameters. num_rows: theirs.
    """
    whole = num_rows + sum(other.num_rows for other in others)
    count = torch.stack([loss.count.float() for loss in losses]).sum()
    share = num_rows / whole
    for gradient in optimizer.gradients().values():
        gradient.mul_(share)
    found = [Loss(loss.sum * share, loss.count, loss.metrics) for loss in losses]
    for other in others:
        theirs = torch.stack([loss.count.float() for loss in other.losses]).sum()
        # nothing that counts leaves nothing to divide, and no gradient either
        factor = other.num_rows / whole * count / theirs.clamp_min(torch.finfo(theirs.dtype).tiny)
        factor = torch.where(theirs > 0, factor, 0.0)
        optimizer.add(other.gradients, share=factor)
        found += [
            Loss(loss.sum * factor, torch.zeros_like(loss.count), loss.metrics)
            for loss in other.losses
        ]
    return found
