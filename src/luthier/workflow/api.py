"""The two calls of the Python package."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from luthier.recipe.load import read
from luthier.recipe.schema import Recipe
from luthier.workflow import settings
from luthier.workflow import train as training
from luthier.workflow.run import Run
from luthier.workflow.stages import Listener, silent


def train(
    recipe: Recipe | Mapping[str, Any] | str | Path,
    *,
    out: str | Path | None = None,
    overrides: Sequence[str] = (),
    on_event: Listener = silent,
) -> Run:
    """Tune, evaluate and report; the finished run.

    Args: recipe: a recipe, the same as nested mappings, or the path of a YAML file;
        overrides: such as "training.epochs=1"; on_event: hears everything that happens.
    Raises: LuthierError: bad input, before anything slow; Interrupted: the same call continues.
    """
    given: Any = recipe.model_dump(exclude_unset=True) if isinstance(recipe, Recipe) else recipe
    source = Path(given) if isinstance(given, str) else given
    checked, origins = read(source, list(overrides), check=settings.check)
    folder = Path(out) if out is not None else None
    return training.train(checked, origins, out=folder, on_event=on_event)


def open_run(path: str | Path) -> Run:
    """A run directory as an object.

    Raises: RunError: `path` is not a run directory.
    """
    run = Run(Path(path))
    _ = run.files
    return run
