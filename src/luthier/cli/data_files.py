"""`luthier data clean`, `split` and `augment`: files made from files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from luthier.cli.answer import Answer
from luthier.cli.section import DataWords, drawn_section_of, section_of
from luthier.cli.table import work
from luthier.cli.text import write
from luthier.core.counted import counted
from luthier.core.errors import RecipeError
from luthier.core.foremost import foremost
from luthier.recipe.schema import DataSection
from luthier.run.console import Console

Folder = Annotated[Path, typer.Option(help="A new folder for the files.")]
WITH_MODELS = "augment.augment_with"


def clean(context: typer.Context, words: DataWords = None, *, output: Folder) -> Answer:
    """Write the rows as `data.clean` leaves them, without repetitions and leaks.

    Without such settings the usual cleaners work. The folder gets train.jsonl, the validation and
    test files that were given, ledger.json with the account, and changes.jsonl with every row that
    was changed or left out. The files that were read stay as they are.
    """
    return _made("clean", [*(words or []), *context.args], output)


def split(
    context: typer.Context,
    words: DataWords = None,
    *,
    output: Folder,
    folds: Annotated[
        int, typer.Option(help="Folders for cross-validation instead, each row tested in one.")
    ] = 0,
) -> Answer:
    """Write train, validation and test as training would split them, for good.

    No row is in two of them, nor is a near-duplicate of one. The folder gets a file for each,
    ledger.json with the account, and changes.jsonl with every row that was left out.
    """
    words = [*(words or []), *context.args]
    if folds:
        return _made("split", words, output, by="fold_files", folds=folds)
    return _made("split", words, output)


def augment(
    context: typer.Context,
    words: DataWords = None,
    *,
    output: Folder,
    by: Annotated[
        str,
        typer.Option(
            metavar="MODEL|RUN|URL",
            help="Who writes other wordings (data.augment.paraphrase): a model, a run, or an "
            "OpenAI-compatible endpoint.",
            show_default=False,
        ),
    ] = "",
    model: Annotated[str, typer.Option(help="Name of the model at the URL.")] = "",
    key_env: Annotated[str, typer.Option(help="Environment variable with the URL's key.")] = "",
    max_new_tokens: Annotated[int, typer.Option(help="Longest reply of the model.")] = 256,
) -> Answer:
    """Write train with the rows that `data.augment` makes of it, and validation and test as they
    are.

    Rows are split as training would split them before any is made. The folder gets a file for each
    split, ledger.json with the account, and changes.jsonl with every row that was left out or
    made. Train on these files, and nothing is made again.
    """
    words = [*(words or []), *context.args]
    section, seed = drawn_section_of("augment", words, folder=output)
    if not by:
        _refuse_idle({"--model": model, "--key-env": key_env})
        has_models = work("rewrite.asks_models")(section)
        make = WITH_MODELS if has_models else "rewrite.augment_files"
        return _written(section, output, make, seed=seed)
    teacher = work("teacher.teacher_of")(by, model, key_env, max_new_tokens)
    return _written(section, output, WITH_MODELS, seed=seed, teacher=teacher)


def _refuse_idle(options: dict[str, str]) -> None:
    for name, value in options.items():
        if value:
            raise RecipeError(f"{name}: says more of --by, which is missing. Leave it out")


def _made(command: str, words: list[str], output: Path, *, by: str = "", **settings: Any) -> Answer:
    make = f"rewrite.{by or f'{command}_files'}"
    return _written(section_of(command, words, folder=output), output, make, **settings)


def _written(section: DataSection, output: Path, make: str, **settings: Any) -> Answer:
    """Args: make: the function of `luthier.workflow` that writes the files."""
    write = work(make)
    with Console() as console:
        if make != WITH_MODELS and work("rewrite.asks_models")(section):
            models = work("assisting.Models")
            settings["helpers"] = models(output, teacher=None, seed=0, on_event=console)
        found = write(section, output=output, on_event=console, **settings)
        return Answer(found, lambda: _show(found, console))


def _show(found: dict[str, Any], console: Console) -> None:
    account, ledger = found["rows"], Path(found["folder"]) / "ledger.json"
    lines = [("read", counted(account["in"], "row"))]
    for what, word in (("changed", "changed"), ("added", "made"), ("dropped", "left out")):
        lines += [(word, text) for text in _reasons(account.get(what, {}), ledger)]
    for name, entry in found["files"].items():
        lines.append(
            (name, f"{counted(entry['rows'], 'row')} in {Path(found['folder']) / entry['file']}")
        )
    lines += [("split", line) for line in found["how"][-1:] if "test row" in line]
    console.show_table("Rows", lines)
    for use in found["use"]:
        write(f"to train on them: {use}")


def _reasons(entries: dict[str, Any], ledger: Path) -> list[str]:
    """The reasons of most rows, and how many more there are."""
    told = foremost({why: entry["count"] for why, entry in entries.items()})
    lines = [
        f"{entries[why]['count']:,}: {why}, such as {entries[why]['examples'][0]}"
        for why in told.names
    ]
    if told.rest:
        left = f"{counted(told.rest, 'further reason')}, all of them in {ledger}"
        lines.append(f"{told.rest_count:,}: {left}")
    return lines
