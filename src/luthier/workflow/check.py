"""Do objective, tuner and model fit together? Compares declared facts; holds no table."""

from __future__ import annotations

from luthier.core.errors import RecipeError
from luthier.models.bundle import Kind
from luthier.objectives import Objective, objectives


def fits(objective: Objective, *, name: str, can_generate: bool, reference: str) -> Kind:
    """The model kind the objective will train on this model.

    Raises: RecipeError: none of the objective's kinds can be had from this model.
    """
    kinds = sorted(objective.kinds)
    if "sequence_classifier" in kinds:
        return "sequence_classifier"
    if "causal_lm" in kinds and can_generate:
        return "causal_lm"
    others = [key for key, item in objectives.items() if "sequence_classifier" in item.kinds]
    raise RecipeError(
        f"recipe objective.name: '{name}' trains {', '.join(kinds)}, but {reference} is an encoder "
        f"that cannot write text. Use a language model such as smollm2-135m, or an objective for "
        f"encoders: {', '.join(others)}."
    )
