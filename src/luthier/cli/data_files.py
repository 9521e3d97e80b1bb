"""`luthier data clean`, `split` and `augment`: files made from files."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from luthier.cli.answer import Answer
from luthier.cli.section import DataWords, section_of, seed_of
from luthier.cli.table import work
from luthier.run.console import Console

Folder = Annotated[Path, typer.Option(help="A new folder for the files.")]


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


def augment(context: typer.Context, words: DataWords = None, *, output: Folder) -> Answer:
    """Write train with the rows that `data.augment` makes of it, and validation and test as they
    are.

    Rows are split as training would split them before any is made. The folder gets a file for each
    split, ledger.json with the account, and changes.jsonl with every row that was left out or
    made. Train on these files, and nothing is made again.
    """
    words = [*(words or []), *context.args]
    return _made("augment", words, output, seed=seed_of(words))


def _made(command: str, words: list[str], output: Path, *, by: str = "", **settings: Any) -> Answer:
    section = section_of(command, words)
    make = work(f"rewrite.{by or f'{command}_files'}")
    with Console() as console:
        found = make(section, output=output, on_event=console, **settings)
        return Answer(found, lambda: _show(found, console))


def _show(found: dict[str, Any], console: Console) -> None:
    account = found["rows"]
    lines = [("read", f"{account['in']:,} rows")]
    for what, word in (("changed", "changed"), ("added", "made"), ("dropped", "left out")):
        for why, entry in account.get(what, {}).items():
            lines.append((word, f"{entry['count']:,}: {why}, such as {entry['examples'][0]}"))
    for name, entry in found["files"].items():
        lines.append((name, f"{entry['rows']:,} rows in {Path(found['folder']) / entry['file']}"))
    lines += [("split", line) for line in found["how"][-1:] if "test rows" in line]
    console.show_table("Rows", lines)
    for use in found["use"]:
        sys.stdout.write(f"to train on them: {use}\n")
