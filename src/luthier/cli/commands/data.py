"""`luthier data`: what is wrong with the files, before anything is trained on them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from luthier.cli.answer import Answer
from luthier.cli.request import ANY_WORDS, YAML, request, split
from luthier.cli.table import work
from luthier.core.errors import RecipeError
from luthier.core.hints import did_you_mean
from luthier.recipe.overrides import parse
from luthier.recipe.schema import DataSection
from luthier.run.console import Console

app = typer.Typer(add_completion=False, help="Look at data files.")
_SHOWN = 3
_WIDTH = 100


@app.callback()
def group() -> None:
    """Look at data files."""


@app.command(context_settings=ANY_WORDS)
def check(
    context: typer.Context,
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="DATA|RECIPE|KEY=VALUE",
            help="Data files, or a recipe .yaml; then settings such as data.test=FILE or "
            "data.columns='{label: tag}'.",
            show_default=False,
        ),
    ] = None,
    output: Annotated[Path | None, typer.Option(help="JSON: everything that was found.")] = None,
    report: Annotated[Path | None, typer.Option(help="HTML: the same as one page.")] = None,
) -> Answer:
    """Name what is wrong with the rows, costliest first, with some of them shown.

    Nothing is changed. Exit code 1 where something is wrong, 2 where a file cannot be read.
    """
    section = _section([*(words or []), *context.args])
    with Console() as console:
        found = work("examine.check_files")(section, output=output, report=report, on_event=console)
        is_wrong = any(finding["is_certain"] for finding in found["findings"])
        return Answer(found, lambda: _show(found, console), exit_code=int(is_wrong))


def _section(words: list[str]) -> DataSection:
    """Where the rows are and how they are read.

    Raises: RecipeError: every problem with it.
    """
    names, settings = split(words)
    if not names:
        raise RecipeError("data check: no file named. luthier data check rows.jsonl")
    if any(Path(name).suffix.lower() in YAML for name in names):
        return request(words).recipe.data
    return work("examine.section_of")(names, _settings(settings))


def _settings(words: list[str]) -> dict[str, Any]:
    """Settings of the section `data`, by their names in it.

    Raises: RecipeError: a word that is none.
    """
    given: dict[str, Any] = {}
    for key, value in parse(words):
        section, _, rest = key.replace("-", "_").partition(".")
        name, _, inner = (rest if section == "data" else key.replace("-", "_")).partition(".")
        if name not in DataSection.model_fields or name == "train":
            hint = did_you_mean(name, DataSection.model_fields)
            raise RecipeError(f"command line {key}: no setting of data{hint}")
        if inner:
            given.setdefault(name, {})[inner] = value
        else:
            given[name] = value
    return given


def _show(found: dict[str, Any], console: Console) -> None:
    counts = [(split, f"{number:,} rows") for split, number in found["rows"].items()]
    classes = found["classes"]
    if classes:
        first = ", ".join(f"{name} {number:,}" for name, number in list(classes.items())[:5])
        counts.append(
            ("labels", f"{len(classes)}: {first}" + (", ..." if len(classes) > 5 else ""))
        )
    console.show_table("Rows", [("kind", found["shape"]), *counts])
    for finding in found["findings"]:
        _write(f"\n{_count(finding['count'])}: {finding['title']}")
        _write(f"    why it matters: {finding['harm']}")
        _write(f"    what to do: {finding['remedy']}")
        for row in finding["shown"][:_SHOWN]:
            _write(f"    {row['origin']}: {_short(row['text'])}")
            if row["beside"]:
                _write(f"        {_short(row['beside'])}")
            if row["other"]:
                _write(f"        as {row['other']}: {_short(row['other_text'])}")
    if not found["findings"]:
        _write("nothing wrong was found")


def _count(number: int) -> str:
    return "1 row" if number == 1 else f"{number:,} rows"


def _short(text: str) -> str:
    plain = " ".join(text.split())
    return plain if len(plain) <= _WIDTH else f"{plain[: _WIDTH - 3]}..."


def _write(text: str) -> None:
    sys.stdout.write(f"{text}\n")
