"""`luthier grade`: is this grader fit to learn from?"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Any

import typer

from luthier.cli.answer import Answer
from luthier.cli.request import ANY_WORDS
from luthier.cli.table import work
from luthier.cli.text import one_line, write
from luthier.core.errors import RecipeError
from luthier.recipe.overrides import parse
from luthier.run.console import Console

app = typer.Typer(add_completion=False)
_WIDTH = 90


@app.command(context_settings=ANY_WORDS)
def grade(
    context: typer.Context,
    rows: Annotated[Path, typer.Argument(help="A file of prompts, with right answers or without.")],
    grader: Annotated[str, typer.Option(help="Name of a grader, or a Python file with a grade().")],
    completion: Annotated[str, typer.Option(help="Column that holds the completions.")] = "",
    model: Annotated[str, typer.Option(help="Model or run that writes completions.")] = "",
    samples: Annotated[int, typer.Option(help="Completions of each prompt.", min=1)] = 4,
    max_rows: Annotated[int, typer.Option(help="Rows of the file (0: all).", min=0)] = 64,
    max_new_tokens: Annotated[int, typer.Option(help="Longest completion.", min=1)] = 128,
    output: Annotated[Path | None, typer.Option(help="JSON Lines: every score.")] = None,
) -> Answer:
    """Score completions and look at the scores, before a model learns from them.

    Settings of the grader follow, such as grader.tolerance=0.01 or --grader.pattern 'Answer: .+',
    and how the rows are read, such as --columns reference=answer.
    Named are scores that are constant, saturated, not a number, or follow the length alone.
    """
    given = _settings(list(context.args))
    section = work("grade.section_of")(rows, given["data"])
    work("outputs.check_files")([output] if output else [], [str(rows), grader])
    with Console() as console:
        sampling = work("grade.Sampling")(samples=samples, max_new_tokens=max_new_tokens)
        found = work("grade.grade_file")(
            section,
            {"name": grader, **given["grader"]},
            completion=completion,
            model=model,
            sampling=sampling,
            max_rows=max_rows,
            output=output,
            on_event=console,
        )
        return Answer(found, lambda: _show(found, console), exit_code=int(bool(found["findings"])))


def _settings(words: list[str]) -> dict[str, dict[str, Any]]:
    """Those of the grader and those of the data, by section.

    Raises: RecipeError: a word that is neither.
    """
    given: dict[str, dict[str, Any]] = {"grader": {}, "data": {}}
    for key, value in parse(words):
        section, _, name = key.replace("-", "_").partition(".")
        if section not in given or not name:
            raise RecipeError(
                f"command line {key}: expected a setting such as grader.tolerance=1 or data.format"
            )
        given[section][name] = value
    return given


def _show(found: dict[str, Any], console: Console) -> None:
    console.show_table("Scores", _facts(found))
    for example in found["examples"]:
        write(f"{example['score']:.3g}  {one_line(example['prompt'], _WIDTH)}")
        write(f"    -> {one_line(example['completion'], _WIDTH)}   ({example['origin']})")
    for finding in found["findings"]:
        write(f"{finding['level']}: the grader {finding['text']}")
    if not found["findings"]:
        write("nothing stands against learning from this grader")


def _facts(found: dict[str, Any]) -> list[tuple[str, str]]:
    facts = [
        ("completions", f"{found['num']} of {found['rows']} prompts"),
        ("mean", _number(found["mean"])),
        ("lowest, highest", f"{_number(found['lowest'])}, {_number(found['highest'])}"),
        *((f"{name} are below", _number(value)) for name, value in found["quantiles"].items()),
        *((f"score {value}", _times(count)) for value, count in found["counts"].items()),
        *((f"part {name}", _number(value)) for name, value in found["parts"].items()),
        ("rank correlation with length", _number(found["length_correlation"])),
    ]
    if not math.isnan(found["undecided_share"]):
        share = f"{found['undecided_share']:.0%}"
        facts.append(("prompts whose completions score all the same", share))
    if "right_answers_mean" in found:
        facts.append(("the right answers themselves score", _number(found["right_answers_mean"])))
    return facts


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _number(value: float) -> str:
    return "none" if math.isnan(value) else f"{value:.3g}"
