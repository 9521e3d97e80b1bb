"""`luthier predict`: a file of rows in, a file of answers out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from luthier.cli.answer import Answer
from luthier.cli.find import RunWord, run_folder
from luthier.cli.table import work
from luthier.cli.text import write
from luthier.core.counted import counted
from luthier.run.console import Console

app = typer.Typer(add_completion=False)


@app.command()
def predict(
    run: RunWord,
    input: Annotated[Path, typer.Option(help="Rows as in the training file; targets may miss.")],
    output: Annotated[Path, typer.Option(help="JSON Lines: each row with its answer.")],
) -> Answer:
    """Score a file of rows with the tuned model of a run."""
    with Console() as console:
        found = work("predict.predict_file")(run_folder(run), input, output, on_event=console)
    text = f"{counted(found['rows'], 'row')} answered: {found['output']}"
    return Answer(found, lambda: write(text))
