"""Rows as the units that an objective learns from, where these are not rows."""

from __future__ import annotations

from collections.abc import Sequence

from luthier.data.features import Features
from luthier.data.ledger import Ledger
from luthier.objectives import Arranger, Objective
from luthier.recipe.resolve import Settled
from luthier.workflow.stages import Stages


def without_idle(
    objective: Objective,
    features: Sequence[Features],
    names: Sequence[str],
    *,
    split: str,
    ledger: Ledger,
) -> Sequence[Features]:
    """The rows that teach something; the others are dropped and counted.

    Args: names: where each row of the split came from.
    """
    if not isinstance(objective, Arranger):
        return features
    idle, reason = objective.idle(features)
    for place in idle:
        ledger.drop(reason, names[features[place].row], split=split)
    gone = set(idle)
    return [item for place, item in enumerate(features) if place not in gone]


def arranged(objective: Objective, features: Sequence[Features]) -> Sequence[Features]:
    """Rows as what is learned from."""
    return objective.arranged(features) if isinstance(objective, Arranger) else features


def settle_units(
    settled: Settled,
    objective: Objective,
    rows: Sequence[Features],
    units: Sequence[Features],
    stages: Stages,
) -> None:
    """The batch size of units, where the recipe leaves it open; and what rows became."""
    if not isinstance(objective, Arranger):
        return
    if len(units) != len(rows):
        stages.note(f"{len(rows)} training rows are learned from as {len(units)}")
    name, share = settled.get("objective.name"), objective.usual.batch_share
    size = max(1, min(objective.usual_batch, int(len(units) * share)))
    why = f"usual for {name}, at most {share:.0%} of what is learned from"
    settled.settle("training.batch_size", size, why)
