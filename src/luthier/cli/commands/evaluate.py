"""`luthier evaluate`: the evidence for a run, gathered anew."""

from __future__ import annotations

import typer

from luthier.cli.answer import Answer
from luthier.cli.find import RunWord, run_folder
from luthier.cli.request import ANY_WORDS
from luthier.cli.table import work
from luthier.run.console import Console

app = typer.Typer(add_completion=False)


@app.command(context_settings=ANY_WORDS)
def evaluate(context: typer.Context, run: RunWord) -> Answer:
    """Compare the tuned model of a run with the untuned one again; the report is written anew.

    Settings of the evaluation may follow, such as evaluation.max_rows=50 or --num_shots 2, and
    other rows to test on: data.test=FILE.
    """
    folder = run_folder(run)
    with Console() as console:
        found = work("evaluate.evaluate_run")(
            folder, overrides=list(context.args), on_event=console
        )
        outcome = found.get("verdict", {}).get("outcome")
        return Answer(
            found, lambda: console.show_evaluation(found), exit_code=int(outcome == "worse")
        )
