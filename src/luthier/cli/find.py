"""The run that a word of the command line means."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

RunWord = Annotated[
    str, typer.Argument(metavar="RUN", help="A run directory, or the name of a run below runs/.")
]
RUNS = Path("runs")


def run_folder(word: str) -> Path:
    """The folder of a run: `word` itself, or the newest run below runs/ with that name."""
    path = Path(word).expanduser()
    if path.exists() or not RUNS.is_dir():
        return path
    named = [folder for folder in RUNS.iterdir() if folder.name.partition("-")[2].endswith(word)]
    direct = RUNS / word
    return direct if direct.is_dir() else max(named, default=path, key=lambda item: item.name)
