"""Where a tuner starts, if that depends on what the rows give the layers of the model."""

from __future__ import annotations

from functools import partial

from luthier.engine.input_moments import input_moments
from luthier.models.bundle import Bundle
from luthier.recipe.resolve import Settled
from luthier.tuners import Tuner, tuners
from luthier.tuners.contract import Calibrating, Extending
from luthier.workflow.built import open_component
from luthier.workflow.check import hindrance
from luthier.workflow.inputs import Inputs
from luthier.workflow.stages import Stages


def started(settled: Settled, inputs: Inputs) -> Tuner:
    """The tuner, with its start chosen where the recipe leaves it open."""
    kind = tuners.get(settled.get("tuner.name"))
    tuner = open_component(kind, settled, "tuner")
    if not isinstance(tuner, Calibrating):
        return tuner
    found = tuner.start(inputs.blueprint.facts, hindrance=hindrance(inputs.objective))
    for key, (value, why) in found.items():
        settled.settle(f"tuner.{key}", value, why)
    return open_component(kind, settled, "tuner")


def calibrate(tuner: Tuner, inputs: Inputs, bundle: Bundle, stages: Stages, *, seed: int) -> None:
    """Let the tuner look at the model on some rows; nothing where it does not ask for that."""
    if not (isinstance(tuner, Calibrating) and tuner.calibrated_by()):
        return
    if isinstance(tuner, Extending):  # rows hold tokens that the model has no vectors of yet
        tuner.widen(bundle)
    with stages.stage("calibrating", "what layers are given by training rows"):
        rows = inputs.learned("train")
        measure = partial(input_moments, bundle, inputs.objective, rows)
        tell = partial(stages.progress, "calibrating", unit="layers")
        tuner.calibrate(bundle, measure, seed=seed, tell=tell)
