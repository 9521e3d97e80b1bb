"""What objectives do with the model before the first update and after the last."""

from __future__ import annotations

import torch

from luthier.engine.job import Job
from luthier.objectives import Finisher, Gatherer, Objective, Roles, View
from luthier.workflow.stages import Stages


def gather(job: Job, before: View, stages: Stages) -> None:
    """Make the training rows richer, where the objective asks the model before training for it."""
    objective = job.objective
    if not isinstance(objective, Gatherer) or not objective.gathers:
        return
    with stages.stage("looking for hard negatives", f"among {len(job.train)} rows"):
        rows = objective.gather(Roles(job.bundle, before), job.train)
        pairs = zip(rows, job.train, strict=True)
        found = sum(len(new.lengths) - len(old.lengths) for new, old in pairs)
        stages.note(f"{found} hard negatives for {len(rows)} rows")
        job.train = rows


@torch.no_grad()
def finish(objective: Objective, job: Job, stages: Stages) -> None:
    """Add what is not learned by gradient, before the result is saved."""
    if isinstance(objective, Finisher):
        job.bundle.model.eval()
        with stages.stage("fitting"):
            stages.note(objective.finish(job.bundle, job.train))
