"""`luthier compare`: two runs on the same test rows."""

from __future__ import annotations

from typing import Any

import typer

from luthier.cli.answer import Answer
from luthier.cli.find import RunWord, run_folder
from luthier.cli.table import work
from luthier.cli.text import write
from luthier.run import figures

app = typer.Typer(add_completion=False)


@app.command()
def compare(run_a: RunWord, run_b: RunWord) -> Answer:
    """Difference of two tuned models, B minus A, paired on the same test rows.

    Exit code 1 when B is worse than A beyond the interval.
    """
    found: dict[str, Any] = work("compare.compare_runs")(run_folder(run_a), run_folder(run_b))
    return Answer(found, lambda: show(found), exit_code=int(found["outcome"] == "worse"))


def show(found: dict[str, Any]) -> None:
    """The comparison in words, and both figures below each other."""
    metric = found["metric"]
    low, high = (figures.of_difference(metric, found[bound]) for bound in ("low", "high"))
    difference = figures.of_difference(metric, found["difference"])
    better, worse = len(found["fixed"]), len(found["broken"])
    # figures of all rows at once, such as a correlation, know no better row
    is_by_row = better or worse or not found["difference"]
    counted = f": {better:,} answered better, {worse:,} worse" if is_by_row else ""
    lines = [
        *zip(found["runs"], (figures.of_metric(metric, it) for it in found["values"]), strict=True),
        ("difference", f"{difference} ({low} to {high}, {found['confidence']:.0%} confidence)"),
        ("p", figures.of_p(found["p_value"]).removeprefix("= ")),
        ("rows", f"{found['n']:,}{counted}"),
    ]
    width = max(len(name) for name, _ in lines)
    table = [f"  {name:{width}}  {text}" for name, text in lines]
    text = "\n".join([found["words"], "", f"  {figures.of_name(metric)}", *table])
    write(text)
