"""What a tuner moves, where it is to be chosen by what the rows say."""

from __future__ import annotations

from luthier.engine import relevance
from luthier.models.bundle import Bundle
from luthier.recipe.resolve import Settled
from luthier.tuners import Tuner, tuners
from luthier.tuners.contract import Choosing, Extending
from luthier.workflow.built import open_component
from luthier.workflow.inputs import Inputs
from luthier.workflow.stages import Stages


def settle_parts(
    settled: Settled, tuner: Tuner, inputs: Inputs, bundle: Bundle, stages: Stages
) -> Tuner:
    """The tuner with all settled that it chooses by relevance; as it came where nothing is."""
    parts = tuner.parts(bundle) if isinstance(tuner, Choosing) else {}
    if not parts or not isinstance(tuner, Choosing):
        return tuner
    if isinstance(tuner, Extending):  # rows hold tokens that the model has no vectors of yet
        tuner.widen(bundle)
    with stages.stage("choosing layers", f"from {len(parts)}"):
        found = relevance.relevance(bundle, inputs.objective, inputs.learned("train"), parts)
        for key, (value, why) in tuner.choose(found).items():
            settled.settle(f"tuner.{key}", value, why)
            stages.note(f"tuner.{key}: {why}")
    return open_component(tuners.get(settled.get("tuner.name")), settled, "tuner")
