"""What is wrong with the rows of some files, before anything is trained on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from luthier.core import files
from luthier.core.config import build
from luthier.data.examine import examine
from luthier.recipe.schema import DataSection
from luthier.workflow.stages import Listener, Stages, silent


def check_files(
    names: Sequence[str],
    settings: Mapping[str, Any],
    *,
    output: Path | None = None,
    on_event: Listener = silent,
) -> dict[str, Any]:
    """What was read and what is wrong with it, as `Examined.document` has it.

    Args: settings: as a recipe has them under `data`. output: a file to be written with it.
    Raises: DataError: a file cannot be read. RecipeError: every problem with the settings.
    """
    train = names[0] if len(names) == 1 else list(names)
    section = build(DataSection, {**settings, "train": train}, where="data")
    stages = Stages(on_event)
    with stages.stage("checking data"):
        found = examine(section, progress=stages.note).document()
    if output is not None:
        files.write_json(output, found)
    return found
