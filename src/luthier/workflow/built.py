"""Objective and tuner, built from the sections of a recipe."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from luthier.core.config import ComponentConfig, build
from luthier.data.rows import Row
from luthier.objectives import Objective, objectives
from luthier.objectives import resolved as objective_resolved
from luthier.recipe.resolve import Settled
from luthier.tuners import Tuner, tuners
from luthier.tuners import resolved as tuner_resolved


def open_objective(settled: Settled, rows: Sequence[Row]) -> Objective:
    """The objective with its own "auto" settings chosen from the training rows."""
    kind = objectives.get(settled.get("objective.name"))
    config = component_config(kind.Config, settled, "objective")
    for key, (value, why) in objective_resolved(kind, config, rows).items():
        settled.settle(f"objective.{key}", value, why)
    return open_component(kind, settled, "objective")


def open_tuner(settled: Settled) -> Tuner:
    """The tuner with its own "auto" settings chosen, but for those that are measured.

    Raises: RecipeError: unknown tuner, or settings it does not take.
    """
    kind = tuners.get(settled.get("tuner.name"))
    config = component_config(kind.Config, settled, "tuner")
    for key, (value, why) in tuner_resolved(kind, config).items():
        settled.settle(f"tuner.{key}", value, why)
    return open_component(kind, settled, "tuner")


def open_component(kind: Any, settled: Settled, section: str) -> Any:
    """An objective or tuner from its recipe section; its defaults are written into the recipe.

    Raises: RecipeError: every unknown key and bad value of the section.
    """
    config = component_config(kind.Config, settled, section)
    settled.fill(section, config.model_dump(mode="json"))
    return kind(config)


def component_config(kind: type[ComponentConfig], settled: Settled, section: str) -> Any:
    """The settings of a component, as far as they are settled.

    Raises: RecipeError: every unknown key and bad value of the section.
    """
    values = {key: value for key, value in settled.get(section).items() if key != "name"}
    return build(kind, values, where=section)
