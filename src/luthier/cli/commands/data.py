"""`luthier data`: what is wrong with the files, before anything is trained on them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from luthier.cli.answer import Answer
from luthier.cli.commands import data_label
from luthier.cli.data_files import augment, clean, split
from luthier.cli.data_synth import synth
from luthier.cli.data_views import card, diff, preview
from luthier.cli.request import ANY_WORDS, Model
from luthier.cli.request import split as split_words
from luthier.cli.section import DataWords, check_outputs, request_for, section_of
from luthier.cli.table import work
from luthier.cli.text import one_line, write
from luthier.core.counted import counted
from luthier.core.errors import RecipeError
from luthier.run.console import Console

app = typer.Typer(add_completion=False, help="Look at data files, and make better ones of them.")
_SHOWN = 3
_READ = 8
_LAST = 3
_WIDTH = 100


@app.callback()
def group() -> None:
    """Look at data files, and make better ones of them."""


@app.command(context_settings=ANY_WORDS)
def check(
    context: typer.Context,
    words: DataWords = None,
    model: Model = "",
    task: Annotated[
        str,
        typer.Option(
            help="With --model: the objective that is to learn the rows, see luthier list.",
            show_default=False,
        ),
    ] = "",
    output: Annotated[Path | None, typer.Option(help="JSON: everything that was found.")] = None,
    report: Annotated[Path | None, typer.Option(help="HTML: the same as one page.")] = None,
) -> Answer:
    """Name what is wrong with the rows, costliest first, with some of them shown.

    Nothing is changed. Exit code 1 where something is wrong, 2 where a file cannot be read. With a
    model: also how long rows are in its tokens, and which of these are trained.
    """
    asked = [*(words or []), *context.args]
    check = _check(asked, model, task, output=output, report=report)
    with Console() as console:
        found = check(on_event=console)
        is_wrong = any(finding["is_certain"] for finding in found["findings"])
        return Answer(found, lambda: _show(found, console), exit_code=int(is_wrong))


for command in (preview, clean, split, augment, synth, diff, card):
    app.command(context_settings=ANY_WORDS)(command)


def _check(
    words: list[str], model: str, task: str, **files: Path | None
) -> Callable[..., dict[str, Any]]:
    """The check of these words, ready to be made.

    Raises: RecipeError: every problem with them.
    """
    if model:
        recipe = request_for("check", words, model=model, objective=task).recipe
        check_outputs(split_words(words)[0], recipe.data, files=files.values())
        return partial(work("examine_for.check_for"), recipe, **files)
    if task:
        raise RecipeError("--task: says how --model reads the rows, which is missing")
    section = section_of("check", words, files=files.values())
    return partial(work("examine.check_files"), section, **files)


def _show(found: dict[str, Any], console: Console) -> None:
    lines = found["read"]
    if (more := len(lines) - _READ) > 0:  # the last ones tell of corrections and their like
        left_out = f"and {counted(more, 'more line')}: --report shows all"
        lines = [*lines[: _READ - _LAST], left_out, *lines[-_LAST:]]
    read = [("read", line) for line in lines]
    counts = [(split, counted(number, "row")) for split, number in found["rows"].items()]
    classes = found["classes"]
    if classes:
        first = ", ".join(f"{name} {number:,}" for name, number in list(classes.items())[:5])
        counts.append(
            ("labels", f"{len(classes)}: {first}" + (", ..." if len(classes) > 5 else ""))
        )
    if tokens := found.get("tokens"):
        figures = tokens["tokens"]
        words = f"median {figures['median']:,}, 99 % at most {figures['most_rows']:,}, "
        words += f"longest {figures['longest']:,}; context {tokens['context']:,}"
        counts.append((f"tokens of {tokens['model']}", words))
    console.show_table("Rows", [*read, ("kind", found["shape"]), *counts])
    for finding in found["findings"]:
        write(f"\n{counted(finding['count'], 'row')}: {finding['title']}")
        write(f"    why it matters: {finding['harm']}")
        write(f"    what to do: {finding['remedy']}")
        for row in finding["shown"][:_SHOWN]:
            write(f"    {row['origin']}: {one_line(row['text'], _WIDTH)}")
            if row["beside"]:
                write(f"        {one_line(row['beside'], _WIDTH)}")
            if row["other"]:
                write(f"        as {row['other']}: {one_line(row['other_text'], _WIDTH)}")
    if not found["findings"]:
        write("nothing wrong was found")


data_label.add_to(app)
