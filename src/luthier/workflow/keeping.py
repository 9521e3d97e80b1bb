"""The options of `keep` put into a training, and what they do after it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from luthier.core.errors import RecipeError
from luthier.data.overflow import fit_to
from luthier.engine.job import Job
from luthier.engine.validate import validate
from luthier.keeping import Beside, Finishing, Keeper, Setting
from luthier.objectives import Part, View
from luthier.recipe.resolve import Settled
from luthier.workflow.inputs import Inputs
from luthier.workflow.options import SECTION, options
from luthier.workflow.stages import Stages


def put_in(job: Job, settled: Settled, inputs: Inputs, before: View) -> None:
    """Prepare every option for the training and add it. The model must be untrained.

    Raises: RecipeError: an option does not work with this model or these rows.
    """
    prepared: list[Keeper] = []
    longest = int(settled.get("training.max_length"))
    for option in options(settled, kind=inputs.kind).values():
        part = inputs.general.get(getattr(option.config, "rows", ""))
        option.prepare(
            Setting(
                bundle=job.bundle,
                objective=job.objective,
                before=before,
                rows=inputs.rows("train"),
                general=_within(part, inputs, longest) or Part("none", job.objective, [], 0.0),
                batch_size=job.plan.batch_size,
                max_length=longest,
                seed=job.seed,
            )
        )
        prepared.append(option)
    job.keepers = prepared
    beside = [part for option in prepared if isinstance(option, Beside) for part in option.parts()]
    job.parts = [*job.parts, *beside]


def _within(part: Part | None, inputs: Inputs, longest: int) -> Part | None:
    """General rows no longer than the rows of the run may be, or than a usual one."""
    if part is None:
        return None
    limit = max(longest, min(512, inputs.blueprint.facts.context_length))
    kept = [f for item in part.features for f in fit_to(item, limit, "drop", part.name)]
    if not kept:
        raise RecipeError(
            f"recipe {SECTION}: every row of {part.name} is longer than {limit} tokens. Give "
            "shorter general rows, or raise training.max_length."
        )
    return replace(part, features=kept)


def finish(job: Job, stages: Stages) -> dict[str, Any]:
    """Let options change the trained weights. Returns: what each of them measured."""

    def loss() -> float:
        if not job.validation:
            return float("nan")
        return validate(job, job.validation, max_tokens=job.plan.micro_batch_tokens).loss

    found: dict[str, Any] = {}
    for option in job.keepers:
        if isinstance(option, Finishing):
            name = type(option).__module__.rpartition(".")[2]
            with stages.stage("finishing", name):
                said, found[name] = option.finish(loss)
            for text in said:
                stages.note(text)
    return found
