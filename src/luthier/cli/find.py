"""The run that a word of the command line means."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from luthier.core.errors import RunError
from luthier.store import find

RunWord = Annotated[
    str,
    typer.Argument(
        metavar="RUN", help="A run directory, the name of a run below runs/, or latest."
    ),
]
RUNS = Path("runs")


def run_folder(word: str) -> Path:
    """The folder of a run.

    Raises: RunError: no such run, or several, with the nearest names.
    """
    path = Path(word).expanduser()
    if path.exists():
        return path
    if len(path.parts) > 1:
        raise RunError(f"run {path}: no such folder. `luthier runs list` shows what there is.")
    return find(RUNS, word).path
