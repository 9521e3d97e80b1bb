"""Augmented files with the models that this takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from luthier.core.errors import RecipeError
from luthier.data.augment import augmenters_of
from luthier.recipe.schema import DataSection
from luthier.workflow.assisting import Models
from luthier.workflow.rewrite import augment_files
from luthier.workflow.stages import Listener, silent
from luthier.workflow.teacher import Teacher


def augment_with(
    section: DataSection,
    *,
    output: Path,
    teacher: Teacher | None = None,
    seed: int = 0,
    on_event: Listener = silent,
) -> dict[str, Any]:
    """The rows of files with further ones of train, as `augment_files` writes them.

    Args: teacher: who writes, where rows are to be written.
    Raises: RecipeError too where that is missing, does not answer, or has nothing to do.
    """
    models = Models(output, teacher=teacher, seed=seed, on_event=on_event)
    augmenters_of(section.augment, models)
    if teacher and not models.is_writer_asked:
        raise RecipeError(
            "--by: would write other wordings, and nothing asks for them.\n"
            "    Leave it out, or say data.augment.paraphrase=1"
        )
    found = augment_files(section, output=output, seed=seed, helpers=models, on_event=on_event)
    models.done()
    return found
