"""`luthier train`: tune, evaluate, report; on an unfinished run: continue."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from luthier.cli.answer import Answer
from luthier.cli.request import ANY_WORDS, Model, Objective, Tuner, Words, request
from luthier.cli.table import work
from luthier.run.console import Console

app = typer.Typer(add_completion=False)


@app.command(context_settings=ANY_WORDS)
def train(
    context: typer.Context,
    words: Words = None,
    model: Model = "",
    objective: Objective = "",
    tuner: Tuner = "",
    out: Annotated[
        Path | None,
        typer.Option(help="Run directory.", show_default="runs/<time>-<name>"),
    ] = None,
) -> Answer:
    """Tune a model on a data file or recipe, compare it with the untuned one, and report.

    Settings left out are chosen from the data, the model and the machine, shown, and recorded in
    resolved.yaml. The same command on the same run directory continues it.
    """
    asked = request([*(words or []), *context.args], model=model, objective=objective, tuner=tuner)
    with Console() as console:
        run = work("train.train")(
            asked.recipe, asked.origins, out=out or asked.run, on_event=console
        )
        return answer_of(run, console)


def answer_of(run: Any, console: Console) -> Answer:
    """What a finished run says: verdict and where to look."""
    evaluation = run.evaluation or {}
    verdict = evaluation.get("verdict", {})
    document = {
        "run": str(run.path),
        "summary": run.summary,
        "arms": evaluation.get("arms", {}),
        "verdict": verdict,
    }

    def show() -> None:
        if evaluation:
            console.show_evaluation(evaluation)
        sys.stdout.write(f"{run.path}\n")
        sys.stderr.write(f"report: {run.path / 'report.html'}\n")

    return Answer(document, show, exit_code=int(verdict.get("outcome") == "worse"))
