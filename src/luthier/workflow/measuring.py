"""Settings of a tuner that are chosen by looking at the open model and at gradients."""

from __future__ import annotations

from collections.abc import Mapping

from luthier.engine.sensitivity import Sensitivity
from luthier.models.bundle import Bundle
from luthier.recipe.resolve import Settled
from luthier.tuners import Tuner, tuners
from luthier.tuners.contract import Measuring
from luthier.workflow import opening
from luthier.workflow.inputs import Inputs, open_component


def settle_measured(settled: Settled, tuner: Tuner, bundle: Bundle, inputs: Inputs) -> Tuner:
    """The tuner with what it measures on the untuned `bundle` chosen and recorded.

    Raises: RecipeError: its settings do not fit the model.
    """
    if not isinstance(tuner, Measuring):
        return tuner

    def gradients(num_rows: int, *, one_by_one: bool = False) -> Mapping[str, float]:
        recipe = settled.recipe()
        general = recipe.training.model_copy(update={"path": "general"})
        # the general path: a fast one would rearrange weights that are still to be tuned
        bundle.trunk = opening.build_trunk(recipe.model_copy(update={"training": general}), bundle)
        rows, seed = inputs.features["train"], settled.get("seed")
        return Sensitivity(bundle, inputs.objective, rows, seed)(num_rows, one_by_one=one_by_one)

    found = tuner.measure(bundle, gradients)
    for key, (value, why) in found.items():
        settled.settle(f"tuner.{key}", value, why)
    kind = tuners.get(settled.get("tuner.name"))
    return open_component(kind, settled, "tuner") if found else tuner
