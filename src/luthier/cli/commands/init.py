"""`luthier init`: a first recipe for a data file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from luthier.cli.answer import Answer
from luthier.cli.request import Model
from luthier.cli.table import work

app = typer.Typer(add_completion=False)


@app.command()
def init(
    data: Annotated[Path, typer.Argument(metavar="DATA", help="A file of examples.")],
    model: Model = "",
) -> Answer:
    """Write a first recipe for a data file to standard output, with comments.

    Such as: luthier init tickets.jsonl > recipe.yaml
    """
    text = work("init.init")(data, model)
    return Answer({"recipe": text}, lambda: _show(text))


def _show(text: str) -> None:
    sys.stdout.write(text)
