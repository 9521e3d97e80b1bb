"""`luthier compare`: two runs on the same test rows."""

from __future__ import annotations

import sys
from typing import Any

import typer

from luthier.cli.answer import Answer
from luthier.cli.find import RunWord, run_folder
from luthier.cli.table import work

app = typer.Typer(add_completion=False)


@app.command()
def compare(run_a: RunWord, run_b: RunWord) -> Answer:
    """Difference of two tuned models, B minus A, paired on the same test rows.

    Exit code 1 when B is worse than A beyond the interval.
    """
    found: dict[str, Any] = work("compare.compare_runs")(run_folder(run_a), run_folder(run_b))
    outcome = found.get("outcome") or found.get("verdict", {}).get("outcome")
    return Answer(found, lambda: _show(found), exit_code=int(outcome == "worse"))


def _show(found: dict[str, Any]) -> None:
    verdict = found.get("verdict", found)
    words = verdict.get("words")
    lines = [str(words)] if words else []
    lines += [
        f"{key.replace('_', ' ')}: {value}"
        for key, value in verdict.items()
        if key != "words" and not isinstance(value, dict | list)
    ]
    sys.stdout.write("\n".join(lines) + "\n")
