"""A trained run as files that other programs load."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from luthier.core import files
from luthier.core.errors import RunError
from luthier.export import check, exporters, run_export
from luthier.models.sources import fetch
from luthier.run.layout import Layout
from luthier.workflow.run import Run
from luthier.workflow.stages import Listener, Stages, silent


def export_run(
    path: Path, format: str, *, out: Path | None = None, on_event: Listener = silent
) -> dict[str, Any]:
    """The manifest of the artefact in `out` (default: exports/FORMAT in the run directory).

    Raises: ParityError: the artefact does not behave like the trained model; it was removed.
        RunError: nothing can be put there; said before anything is loaded.
    """
    exporters.get(format)  # an unknown one is refused before anything is loaded
    run, stages = Run(path), Stages(on_event)
    folder = out or run.layout.exports / format
    check(folder)
    with stages.stage("loading model", run.recipe.model):
        bundle = run.bundle
    with stages.stage("exporting", f"{format} to {folder}"):
        manifest = run_export(
            bundle,
            run.tuner,
            format=format,
            folder=folder,
            prompts=parity_prompts(run.layout),
            source_folder=fetch(run.recipe.model).folder,
            objective=run.recipe.objective,
        )
    return {"folder": str(folder), "manifest": manifest}


def parity_prompts(layout: Layout) -> list[NDArray[np.int32]]:
    """Token ids of real rows of the run, on which an artefact is compared with what was trained."""
    try:
        return [np.asarray(ids, np.int32) for ids in files.read_json(layout.prompts)]
    except (OSError, ValueError, TypeError) as error:
        raise RunError(
            f"{layout.prompts}: the rows to check the export on cannot be read ({error}). Restore "
            f"the file, or delete {layout.root / 'adapter'} or model/ beside it and continue the "
            f"run: luthier train {layout.root}"
        ) from None
