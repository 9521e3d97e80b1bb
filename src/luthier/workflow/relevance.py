"""What a tuner moves, where it is to be chosen by what the rows say."""

from __future__ import annotations

from luthier.core.errors import RecipeError
from luthier.engine import relevance
from luthier.models.bundle import Bundle
from luthier.objectives import Explorer, Objective, needed, others_of
from luthier.recipe.resolve import Settled
from luthier.tuners import Tuner, tuners
from luthier.tuners.contract import Choosing
from luthier.workflow.inputs import Inputs, open_component
from luthier.workflow.stages import Stages


def settle_parts(
    settled: Settled, tuner: Tuner, inputs: Inputs, bundle: Bundle, stages: Stages
) -> Tuner:
    """The tuner with everything settled that it chooses by relevance; as it came where nothing is.

    Raises: RecipeError: it is to choose, and the objective's loss is not one of rows as they are.
    """
    parts = tuner.parts(bundle) if isinstance(tuner, Choosing) else {}
    if not parts or not isinstance(tuner, Choosing):
        return tuner
    if why := _hindrance(inputs.objective):
        raise RecipeError(
            f"tuner '{settled.get('tuner.name')}' is to choose layers by the loss of rows, and "
            f"objective '{settled.get('objective.name')}' has none before {why}. Name the layers, "
            "or choose them with objective sft."
        )
    with stages.stage("choosing layers", f"from {len(parts)}"):
        found = relevance.relevance(bundle, inputs.objective, inputs.learned("train"), parts)
        for key, (value, why) in tuner.choose(found).items():
            settled.settle(f"tuner.{key}", value, why)
            stages.note(f"tuner.{key}: {why}")
    return open_component(tuners.get(settled.get("tuner.name")), settled, "tuner")


def _hindrance(objective: Objective) -> str:
    """What must have happened before rows have a loss; empty: nothing."""
    if isinstance(objective, Explorer):
        return "the model has answered"
    # before tuning the reference is the model itself, unless it is another one
    itself = {"policy", "reference"} - others_of(objective).keys()
    others = sorted(needed(objective) - itself)
    return f"the {others[0]} was asked" if others else ""
