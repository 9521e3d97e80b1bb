"""The options of `keep` put into a training, and what they do after it."""

from __future__ import annotations

from typing import Any

from luthier.engine.job import Job
from luthier.engine.validate import validate
from luthier.keeping import Beside, Finishing, Keeper, Setting
from luthier.objectives import Part, View
from luthier.recipe.resolve import Settled
from luthier.workflow.inputs import Inputs
from luthier.workflow.options import options
from luthier.workflow.stages import Stages


def put_in(job: Job, settled: Settled, inputs: Inputs, before: View, stages: Stages) -> None:
    """Prepare every option for the training and add it. The model must be untrained.

    Raises: RecipeError: an option does not work with this model or these rows.
    """
    prepared: list[Keeper] = []
    for option in options(settled, kind=inputs.kind).values():
        general = inputs.general.get(getattr(option.config, "rows", ""))
        option.prepare(
            Setting(
                bundle=job.bundle,
                objective=job.objective,
                before=before,
                rows=inputs.rows("train"),
                general=general.part if general else Part("none", job.objective, [], 0.0),
                batch_size=job.plan.batch_size,
                max_length=int(settled.get("training.max_length")),
                seed=job.seed,
                note=stages.note,
            )
        )
        prepared.append(option)
    job.keepers = prepared
    beside = [part for option in prepared if isinstance(option, Beside) for part in option.parts()]
    job.parts = [*job.parts, *beside]


def finish(job: Job, stages: Stages) -> dict[str, Any]:
    """Let options change the trained weights. Returns: what each of them measured."""

    def loss() -> float:
        if not job.validation:
            return float("nan")
        found = validate(job, job.validation, max_tokens=job.plan.micro_batch_tokens)
        return found.loss if found.count >= job.plan.fewest_targets else float("nan")

    found: dict[str, Any] = {}
    for option in job.keepers:
        if isinstance(option, Finishing):
            name = type(option).__module__.rpartition(".")[2]
            with stages.stage("finishing", name):
                said, found[name] = option.finish(loss)
            for text in said:
                stages.note(text)
    return found
