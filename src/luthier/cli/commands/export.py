"""`luthier export`: a trained run as files for other programs."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from luthier.cli.answer import Answer
from luthier.cli.find import RunWord, run_folder
from luthier.cli.table import work
from luthier.run.console import Console

app = typer.Typer(add_completion=False)


@app.command()
def export(
    run: RunWord,
    format: Annotated[str, typer.Option(help="adapter (PEFT layout), safetensors (merged), ...")],
    out: Annotated[
        Path | None, typer.Option(help="Folder.", show_default="RUN/exports/FORMAT")
    ] = None,
) -> Answer:
    """Write the tuned model in another program's format.

    The files are opened again and must answer as the trained model does, or they are removed and
    the exit code is 1.
    """
    with Console() as console:
        found = work("export.export_run")(run_folder(run), format, out=out, on_event=console)
    return Answer(found, lambda: _show(found))


def _show(found: Mapping[str, Any]) -> None:
    sys.stdout.write(f"{found['folder']}\n")
    if served := found["manifest"]["vllm"]:
        sys.stdout.write(f"vLLM: {served}\n")
