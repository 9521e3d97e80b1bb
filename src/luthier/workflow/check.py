"""Do objective, model and engine fit together? Compares declared facts; holds no table."""

from __future__ import annotations

from dataclasses import fields

from luthier.core.errors import RecipeError
from luthier.models.bundle import Kind
from luthier.objectives import Objective, Roles, objectives


def fits(objective: Objective, *, name: str, can_generate: bool, reference: str) -> Kind:
    """The model kind the objective will train on this model: what it was made for comes first.

    Raises: RecipeError: none of the objective's kinds can be had from this model, or it needs a
    role that nobody fills.
    """
    _refuse_roles(objective, name)
    possible = kinds_of(can_generate=can_generate)
    for kind in possible:
        if kind in objective.kinds:
            return kind
    others = [key for key, item in objectives.items() if item.kinds & set(possible)]
    what = "can write text" if can_generate else "is an encoder that cannot write text"
    raise RecipeError(
        f"recipe objective.name: '{name}' trains {', '.join(sorted(objective.kinds))}, but "
        f"{reference} {what}: it opens as {' or '.join(possible)}. Use another model (a language "
        f"model such as smollm2-135m opens as {' or '.join(kinds_of(can_generate=True))}), or an "
        f"objective that fits this one: {', '.join(others)}."
    )


def kinds_of(*, can_generate: bool) -> tuple[Kind, ...]:
    """What a model can be opened as, its own kind first; any can get the head of a classifier."""
    return ("causal_lm", "sequence_classifier") if can_generate else ("sequence_classifier",)


def _refuse_roles(objective: Objective, name: str) -> None:
    filled = {field.name for field in fields(Roles)}
    missing = sorted(objective.roles - filled)
    if missing:
        raise RecipeError(
            f"recipe objective.name: '{name}' needs a model in the role of {', '.join(missing)}, "
            f"which nothing here provides (only {', '.join(sorted(filled))}). Use one of: "
            f"{', '.join(key for key, item in objectives.items() if item.roles <= filled)}."
        )
