"""What objectives do with the model before the first update and after the last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from luthier.data.features import Features
from luthier.data.features_on_disk import FeaturesOnDisk
from luthier.engine.job import Job
from luthier.models import heads
from luthier.objectives import Adjuster, Beginner, Finisher, Gatherer, Objective, Roles, View
from luthier.recipe.resolve import Settled
from luthier.workflow.stages import Stages


def begin(job: Job) -> None:
    """Let a new head begin at how often each label occurs, where the objective knows that."""
    if isinstance(job.objective, Beginner):
        heads.begin(job.bundle.model, job.objective.beginning(job.train))


def gather(job: Job, before: View, stages: Stages) -> None:
    """Make training rows richer, those of other sources too, where their objective asks the model
    before training for it."""
    models = Roles(job.bundle, before)
    job.train = _gathered(job.objective, models, job.train, stages)
    job.parts = [
        replace(part, features=_gathered(part.objective, models, part.features, stages))
        for part in job.parts
    ]


def _gathered(
    objective: Objective, models: Roles, features: Sequence[Features], stages: Stages
) -> Sequence[Features]:
    if not isinstance(objective, Gatherer) or not objective.gathers:
        return features
    with stages.stage("looking for hard negatives", f"among {len(features)} rows"):
        rows = FeaturesOnDisk(objective.gather(models, features))
        pairs = zip(rows, features, strict=True)
        found = sum(len(new.lengths) - len(old.lengths) for new, old in pairs)
        stages.note(f"{found} hard negatives for {len(rows)} rows")
    return rows


@torch.no_grad()
def finish(objective: Objective, job: Job, settled: Settled, stages: Stages) -> None:
    """Add what is not learned by gradient, before the result is saved."""
    job.bundle.model.eval()
    if isinstance(objective, Adjuster):
        _adjust(objective, job, settled, stages)
    if isinstance(objective, Finisher):
        with stages.stage("fitting"):
            stages.note(objective.finish(job.bundle, job.train))


def _adjust(objective: Adjuster, job: Job, settled: Settled, stages: Stages) -> None:
    """Settle what was left open for it until now."""
    key, num_rows = f"objective.{objective.adjusts}", len(job.validation)
    if not settled.origins[key].startswith("auto") or num_rows < max(1, job.plan.fewest_targets):
        return
    value, why = objective.adjust(job.bundle, job.validation)
    settled.reopen(key)
    settled.settle(key, value, why)
    stages.note(f"{key} = {value} ({why})")
