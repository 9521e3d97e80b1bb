"""`luthier data preview`, `diff` and `card`: a set shown, compared, and described."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from luthier.cli.answer import Answer
from luthier.cli.section import DataWords, section_of
from luthier.cli.table import work
from luthier.cli.text import one_line, write
from luthier.core import files
from luthier.core.counted import counted
from luthier.run.console import Console

Json = Annotated[Path | None, typer.Option(help="JSON: everything that was found.")]
_WIDTH = 100


def preview(
    context: typer.Context,
    words: DataWords = None,
    *,
    rows: Annotated[int, typer.Option(help="So many of each split.")] = 5,
    output: Annotated[
        Path | None, typer.Option(help="JSON Lines: these rows of train, to be read again.")
    ] = None,
) -> Answer:
    """Show what the files are taken for, and their first rows as they are read and cleaned."""
    section = section_of("preview", [*(words or []), *context.args], files=[output])
    with Console() as console:
        found = work("preview.preview_files")(section, rows=rows, output=output, on_event=console)
        return Answer(found, lambda: _show_preview(found))


def diff(
    context: typer.Context,
    before: Annotated[str, typer.Argument(help="Data file, folder or pattern: the old version.")],
    after: Annotated[str, typer.Argument(help="The new version.")],
    *,
    output: Json = None,
    changes: Annotated[
        Path | None, typer.Option(help="JSON Lines: every row that differs, with both texts.")
    ] = None,
) -> Answer:
    """Compare two versions of a data set: rows that came, that went, or have another target.

    Settings such as --columns label=tag hold for both. The order of rows says nothing.
    """
    old, new = (
        section_of("diff", [name, *context.args], files=[output, changes])
        for name in (before, after)
    )
    with Console() as console:
        found = work("versions.compare_files")(old, new, changes=changes, on_event=console)
        if output is not None:
            files.write_json(output, found)
        return Answer(found, lambda: _show_diff(found, console))


def card(
    context: typer.Context,
    words: DataWords = None,
    *,
    name: Annotated[str, typer.Option(help="Of the data set.")] = "",
    output: Annotated[
        Path | None, typer.Option(help="README.md or another file; else it is printed.")
    ] = None,
) -> Answer:
    """Write a card of the data set: what it holds, its account, and what is wrong with it.

    A file that is there is replaced where it is a card as this command made it, and else left.
    """
    section = section_of("card", [*(words or []), *context.args], files=[output])
    if output is not None:
        work("data_card.check_own")(output)
    given = section.train_files
    given = given if isinstance(given, str) else next(iter(given), "")
    with Console() as console:
        title = name or Path(given).stem
        found = work("data_card.data_card")(section, name=title, on_event=console)
        if output is not None:
            files.write_text(output, found["card"])
            return Answer(found, lambda: write(f"card: {output}"))
        return Answer(found, lambda: write(found["card"]))


def _show_preview(found: dict[str, Any]) -> None:
    for line in found["read"]:
        write(line)
    for split, rows in found["shown"].items():
        write(f"\n{split}: the first {len(rows)} of {counted(found['rows']['used'][split], 'row')}")
        for row in rows:
            write(f"  {row['place']}")
            _write_texts(row, indent="    ")


def _show_diff(found: dict[str, Any], console: Console) -> None:
    rows = found["rows"]
    lines = [("rows", f"{rows['before']:,} before, {rows['after']:,} after")]
    lines += [(side, line) for side, held in found["account"].items() for line in held]
    lines += [(what, f"{found[what]:,}") for what in ("same", "changed", "removed", "added")]
    lines += [
        (f"label {name}", f"{count['before']:,} before, {count['after']:,} after")
        for name, count in found["classes"].items()
    ]
    console.show_table("Differences", lines)
    for what, entries in found["shown"].items():
        for entry in entries:
            write(what)
            _show_sides(entry)
        if more := found[what] - len(entries):
            write(f"and {more:,} more {what}")


def _show_sides(entry: dict[str, Any]) -> None:
    for side in ("before", "after"):
        if side in entry:
            write(f"  {side}: {entry[side]['place']}")
            _write_texts(entry[side], indent="      ")


def _write_texts(row: dict[str, Any], *, indent: str) -> None:
    for text in (row["given"], f"-> {row['target']}" if row["target"] else ""):
        if text:
            write(indent + one_line(text, _WIDTH))
