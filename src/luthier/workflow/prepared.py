"""An open model with everything attached that training needs, tried once before step 1."""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial

from luthier.core import files
from luthier.data.features import Features
from luthier.data.features_on_disk import columns_of
from luthier.engine import constants, runtime
from luthier.engine.curriculum import easy_first
from luthier.engine.job import Job, Plan
from luthier.engine.layers import without_effect
from luthier.engine.preflight import preflight
from luthier.evaluation.settle import settle as evaluation_settings
from luthier.models.bundle import Bundle
from luthier.objectives import (
    Objective,
    Precomputer,
    Roles,
    View,
    labels_of,
    updates_per_exploration,
)
from luthier.recipe.resolve import Settled
from luthier.recipe.schema import Recipe
from luthier.run.layout import Layout
from luthier.tuners import Tuner
from luthier.workflow import opening
from luthier.workflow.around import begin, gather
from luthier.workflow.arranging import settle_units
from luthier.workflow.calibration import calibrate, started
from luthier.workflow.check import better_suited, untaught
from luthier.workflow.device import device_name
from luthier.workflow.exploring import get_ready, vet, with_imagined_rows
from luthier.workflow.inputs import Inputs
from luthier.workflow.keeping import put_in
from luthier.workflow.mixture import refuse_lonely
from luthier.workflow.others import asked, view_of
from luthier.workflow.relevance import settle_parts
from luthier.workflow.settle import (
    idle_patience,
    num_steps,
    settle_compute,
    settle_training,
    unusual_rate,
)
from luthier.workflow.stages import Stages

FEWEST_TARGETS = 20
"""Of validation, to choose a step by. On 48 rows of emotion four validation rows chose step 2 of
60, of which 0.04 of the test rows were right."""


@dataclass(slots=True)
class Prepared:
    """What training starts from."""

    bundle: Bundle
    tuner: Tuner
    objective: Objective
    job: Job


def open_base(settled: Settled, objective: Objective) -> Bundle:
    """The untouched model on the device of the run."""
    return opening.open_base(settled.recipe(), objective)


def prepare(settled: Settled, inputs: Inputs, layout: Layout, stages: Stages) -> Prepared:
    """Every "auto" settled, the model opened and tuned-to-be, the pre-flight flown.

    Raises: RecipeError, ModelError: objective, tuner and model do not fit together.
    """
    tuner = started(settled, inputs)
    train = inputs.learned("train")
    lengths = columns_of(train).tokens
    settle_units(settled, inputs.objective, inputs.features["train"], train, stages)
    repeats = {"exploring": updates_per_exploration(inputs.objective)}
    settle_training(settled, inputs.blueprint.facts, kind=inputs.kind, lengths=lengths, **repeats)
    refuse_lonely(inputs.mixture, settled.get("training.batch_size"))
    _warn_of_training(settled, inputs, stages)
    settle_compute(settled, inputs.blueprint, lengths, device_name(), **repeats)
    settle_evaluation(settled, inputs)
    vet(inputs, settled, stages)
    with stages.stage("loading model", inputs.source.reference):
        tuner, bundle = _tuned_to_be(settled, tuner, inputs, stages)
    recipe, before = settled.recipe(), view_before(tuner, bundle)
    job = Job(
        bundle=bundle,
        tuner=tuner,
        objective=inputs.objective,
        train=train,
        validation=inputs.learned("validation"),
        plan=plan_of(settled, train, inputs.objective),
        seed=settled.get("seed"),
        checkpoints=layout.checkpoints,
        reference=_reference(inputs, recipe, before if tuner.keeps_base else None),
        identity=inputs.fingerprints(settled),
        row_name=inputs.row_name,
        allow=tuple(settled.get("allow")),
    )
    begin(job)
    job.parts = [item.part(job.plan.batch_size) for item in inputs.mixture]
    put_in(job, settled, inputs, before, stages)  # an option may refuse: before an hour of asking
    if isinstance(inputs.objective, Precomputer):
        with (
            stages.stage(f"asking {_asked(inputs)}"),
            asked(inputs.others, recipe) as others,
        ):
            constants.fill(
                job,
                partial(inputs.objective.constants, replace(Roles(bundle, before), **others)),
                layout.constants,
                tell=lambda done, total: stages.progress("asking", done, total, "rows"),
                note=stages.note,
            )
    _warn_of_idle(job, num_steps(settled, lengths, **repeats), stages)
    gather(job, before, stages)
    job.easy_first = _easy_first(job, settled, layout, stages)
    spent = get_ready(job, stages)
    with stages.stage("pre-flight"):
        _fly(job, settled, spent, layout, stages)
    return Prepared(bundle, tuner, inputs.objective, job)


def _fly(job: Job, settled: Settled, spent: float, layout: Layout, stages: Stages) -> None:
    """Try the longest batch and all else that could fail later; what was found is written."""
    trial = with_imagined_rows(partial(preflight, settled=settled, exploring=spent), job)
    stages.tell(trial.event)
    for warning in trial.warnings:
        stages.note(warning, warning=True)
    for note in job.bundle.trunk.notes:
        stages.note(note)
    files.write_json(layout.preflight, trial.document())


def _easy_first(job: Job, settled: Settled, layout: Layout, stages: Stages) -> list[int]:
    by = settled.recipe().training.order

    def tell(done: int, total: int) -> None:
        stages.progress("asking for losses", done, total, "rows")

    found = easy_first(job, by, layout.constants / "losses.json", tell=tell)
    if found:
        first, last = job.row_name(job.train[found[0]].row), job.row_name(job.train[found[-1]].row)
        stages.note(f"the first epoch goes by {by}: {first} is the easiest row, {last} the hardest")
    return found


def _tuned_to_be(
    settled: Settled, tuner: Tuner, inputs: Inputs, stages: Stages
) -> tuple[Tuner, Bundle]:
    """The tuner, which may have had to look at the weights first, and the model it was put on."""
    runtime.keep_kernels(decoder=inputs.blueprint.can_generate)
    bundle = opening.open_weights(settled.recipe(), inputs.objective)
    bundle.codec = inputs.codec
    tuner = settle_parts(settled, tuner, inputs, bundle, stages)
    calibrate(tuner, inputs, bundle, stages, seed=settled.get("seed"))
    known = len(bundle.notes)
    bundle = opening.tune(settled.recipe(), tuner, bundle, trains=True)
    for note in bundle.notes[known:]:
        stages.note(note)
    if warning := untaught(bundle):
        stages.note(warning, warning=True)
    stages.note(f"running on {device_name()}, trunk '{bundle.trunk.name}'")
    return tuner, bundle


def _warn_of_training(settled: Settled, inputs: Inputs, stages: Stages) -> None:
    """Say which settings of training are unusual, change nothing, or would be better others."""
    found = (
        unusual_rate(settled, inputs.blueprint.facts, kind=inputs.kind),
        idle_patience(settled, num_validation=len(inputs.features["validation"])),
        better_suited(
            inputs.objective,
            inputs.rows("train"),
            possible=inputs.blueprint.kinds,
            folder=inputs.source.folder,
        ),
    )
    for warning in filter(None, found):
        stages.note(warning, warning=True)


def _warn_of_idle(job: Job, total: int, stages: Stages) -> None:
    """Say which options for layers change nothing in so many steps."""
    every, decay = job.plan.unfreeze_every, job.plan.layer_decay
    for warning in without_effect(
        job.bundle.model, layer_decay=decay, unfreeze_every=every, num_steps=total
    ):
        stages.note(warning, warning=True)


def view_before(tuner: Tuner, bundle: Bundle) -> View:
    """The model before tuning. Of a tuner that keeps no base it holds until the first update."""

    @contextmanager
    def view() -> Generator[Bundle]:
        if not tuner.keeps_base:
            yield bundle
            return
        with tuner.base(bundle.model) as model:
            yield replace(bundle, model=model)

    return view


def _asked(inputs: Inputs) -> str:
    """Who is asked, in words: the reference is the model itself unless another is named."""
    roles = inputs.objective.asks if isinstance(inputs.objective, Precomputer) else frozenset()
    own = {"reference"} - inputs.others.keys()
    names = ("the model before training" if role in own else f"the {role}" for role in roles)
    return " and ".join(sorted(names))


def _reference(inputs: Inputs, recipe: Recipe, before: View | None) -> View | None:
    """What the loss compares with while it trains: another model, where the settings name one."""
    if "reference" in inputs.others and "reference" in inputs.objective.roles:
        return view_of(inputs.others["reference"], recipe, [])
    return before


def settle_evaluation(settled: Settled, inputs: Inputs) -> None:
    """The evaluation section, from rows and codec."""
    found = evaluation_settings(
        settled.recipe().evaluation,
        codec=inputs.codec,
        train=inputs.rows("train"),
        test=inputs.rows("test"),
        labels=labels_of(inputs.objective),
    )
    for key, (value, why) in found.items():
        settled.settle(f"evaluation.{key}", value, why)


def plan_of(settled: Settled, train: Sequence[Features], objective: Objective) -> Plan:
    """The recipe's training section as concrete numbers."""
    section = settled.recipe().training
    exploring = updates_per_exploration(objective)
    total = num_steps(settled, columns_of(train).tokens, exploring=exploring)
    return Plan(
        epochs=float(section.epochs),
        batch_size=int(section.batch_size),
        micro_batch_tokens=0,
        learning_rate=float(section.learning_rate),
        lr_scheduler_type=section.lr_scheduler_type,
        warmup_steps=math.ceil(total * section.warmup_ratio),
        weight_decay=section.weight_decay,
        max_grad_norm=section.max_grad_norm,
        max_steps=section.max_steps,
        max_tokens=section.max_tokens,
        max_seconds=section.max_seconds,
        save_every=int(section.save_every),
        evaluate_every=int(section.evaluate_every),
        early_stopping_patience=section.early_stopping_patience,
        fewest_targets=FEWEST_TARGETS,
        best_by=objective.usual.best_by,
        keep_checkpoints=section.keep_checkpoints,
        cache_bytes=int(section.cache_bytes),
        layer_decay=section.layer_decay,
        unfreeze_every=section.unfreeze_every,
        precision="bfloat16" if section.precision == "bfloat16" else "float32",
        spike_factor=section.spike_factor,
    )
