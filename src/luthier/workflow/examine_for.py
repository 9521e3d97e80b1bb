"""What is wrong with rows, as one model reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from luthier.data.examine import Examined
from luthier.objectives import objectives
from luthier.recipe.resolve import Settled
from luthier.recipe.schema import Recipe
from luthier.workflow.embedding import embedder_for
from luthier.workflow.examine import View, checked
from luthier.workflow.reader import Found, find_model, open_reader, read
from luthier.workflow.stages import Listener, Stages, silent


def check_for(
    recipe: Recipe,
    *,
    output: Path | None = None,
    report: Path | None = None,
    on_event: Listener = silent,
) -> dict[str, Any]:
    """What `check_files` says of the rows of a recipe, and what its model and objective say.

    Raises: as `check_files`; ModelError: there is no such model. RecipeError: it does not fit the
        objective, or the objective the rows.
    """
    settled, stages = Settled(recipe, {}), Stages(on_event)
    name = settled.get("objective.name")
    wants = "auto" if name == "auto" else objectives.get(name).row.shape()
    found = find_model(settled, stages)
    embedder = embedder_for(found, stages) if found.codec.tokenizer is not None else None
    view = View(wants, lambda rows: _further(rows, settled, found, stages), embedder)
    return checked(settled.recipe().data, view, stages, output=output, report=report)


def _further(
    examined: Examined, settled: Settled, found: Found, stages: Stages
) -> tuple[Examined, dict[str, Any]]:
    if found.codec.tokenizer is None:
        stages.note(f"{found.source.reference} reads pictures: there are no tokens to be shown")
        return examined, {}
    stages.note(f"cutting into tokens of {found.source.reference}")
    reader = open_reader(settled, found, examined.single.rows, examined.shape, stages)
    told = read(reader, examined.single, settled, stages)
    return examined.beside(told.findings), {"tokens": told.document}
