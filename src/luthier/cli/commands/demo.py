"""`luthier demo`: the whole circle on data that ships with luthier."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from luthier.cli.answer import Answer
from luthier.cli.commands.train import answer_of
from luthier.cli.table import work
from luthier.run.console import Console

app = typer.Typer(add_completion=False)
FOLDERS = {"chat": Path("runs/demo"), "classify": Path("runs/demo-classify")}


@app.command()
def demo(
    kind: Annotated[
        Literal["chat", "classify"], typer.Argument(help="A language model, or a classifier.")
    ] = "chat",
    out: Annotated[
        Path | None, typer.Option(help="Run directory.", show_default="runs/demo")
    ] = None,
) -> Answer:
    """Tune a small real model, compare it with the untuned one, and write the report."""
    with Console() as console:
        run = work("demo.demo")(kind, out=out or FOLDERS[kind], on_event=console)
        return answer_of(run, console)
