"""What objectives need that learn from the model's own answers, before the pre-flight."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from luthier.core.seeds import derive
from luthier.engine import checkpoint
from luthier.engine.accumulate import roles
from luthier.engine.experience import imagined
from luthier.engine.job import Job
from luthier.engine.preflight import Trial
from luthier.objectives import Explorer, Objective
from luthier.recipe.resolve import Settled
from luthier.run.figures import of_seconds
from luthier.workflow.inputs import Inputs, context_left
from luthier.workflow.reward_model import reward_model
from luthier.workflow.stages import Stages

MANY_UNDECIDED, MANY_CUT = 0.7, 0.5


def vet(inputs: Inputs, settled: Settled, stages: Stages) -> None:
    """Say what stands against the objective's grader, before a model is opened.

    Raises: LuthierError: it cannot be used on these rows.
    """
    objective = inputs.objective
    if not isinstance(objective, Explorer):
        return
    lend_models(objective)
    context = context_left(settled, inputs.blueprint.facts.context_length)
    with stages.stage("checking the grader"):
        for note in objective.vet(inputs.features["train"], context=context):
            stages.note(note, warning=True)


def get_ready(job: Job, stages: Stages) -> float:
    """Give the job the objective's own parameters, and try its grader on a few answers; what
    stands against it is told.

    Returns: seconds that writing and scoring answers takes of each update; 0 where none are
    written, or a run goes on.
    Raises: LuthierError: it gives no numbers; nothing was trained yet.
    """
    objective = job.objective
    if not isinstance(objective, Explorer):
        return 0.0
    job.companion = objective.companion(job.bundle)
    if checkpoint.latest_step(job.checkpoints):
        return 0.0  # it was tried when the run began
    with stages.stage("trying the grader"):
        start = time.perf_counter()
        found = objective.try_out(roles(job), job.train, seed=derive(job.seed, "trial"))
        each = (time.perf_counter() - start) / found.num
        context = job.bundle.facts.context_length
        number = job.plan.batch_size * len(objective.imagine(job.train[0], context=context))
        spent = each * number / objective.updates_per_exploration
        stages.note(f"writing and scoring answers takes about {of_seconds(spent)} of each update")
        stages.note(
            f"{found.num} answers of the untrained model score {found.mean:.3g} on average "
            f"({found.lowest:.3g} to {found.highest:.3g})"
        )
        if found.cut_share > 0:
            stages.note(
                f"{found.cut_share:.0%} of these answers were cut at objective.max_new_tokens, "
                "before they came to their end",
                warning=found.cut_share >= MANY_CUT,
            )
        for finding in found.findings:
            stages.note(f"the grader {finding.text}", warning=True)
        if found.undecided_share >= MANY_UNDECIDED:
            stages.note(
                f"the answers to {found.undecided_share:.0%} of the prompts tried score all the "
                "same: objectives that compare them learn from the others only",
                warning=True,
            )
    return spent


def lend_models(objective: Objective) -> None:
    """Give the objective's grader a way to open reward models, where it has one."""
    if isinstance(objective, Explorer):
        objective.lend(reward_model)


def with_imagined_rows(fly: Callable[[Job], Trial], job: Job) -> Trial:
    """The pre-flight of a job, over rows as long as exploring can make them."""
    trial = imagined(job)
    found = fly(trial)
    if trial is not job:
        job.plan = replace(trial.plan, batch_size=job.plan.batch_size)
    return found
