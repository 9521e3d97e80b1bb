"""`luthier data label`: rows that may be wrong, one after the other, and what is right there."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer

from luthier.cli.answer import Answer
from luthier.cli.labelling import HELP, has_terminal, label_here
from luthier.cli.request import ANY_WORDS
from luthier.cli.section import DataWords, section_of
from luthier.cli.table import work
from luthier.cli.text import tell, write
from luthier.core.counted import counted
from luthier.core.errors import RecipeError
from luthier.run.console import Console

_INTERRUPTED = 3


def add_to(app: typer.Typer) -> None:
    """Make `label` a command of `luthier data`."""

    @app.command(context_settings=ANY_WORDS)
    def label(  # pyright: ignore[reportUnusedFunction]
        context: typer.Context,
        words: DataWords = None,
        corrections: Annotated[
            Path | None,
            typer.Option(
                help="The file that decisions are added to. Default: the recipe's, or "
                "corrections.jsonl.",
                show_default=False,
            ),
        ] = None,
        most: Annotated[int, typer.Option(help="Ask about so many rows (0: all).", min=0)] = 0,
        everything: Annotated[
            bool, typer.Option("--all", help="Ask about the other rows too, behind the doubtful.")
        ] = False,
        terminal: Annotated[
            bool, typer.Option("--terminal", help="Here, with keys, instead of on a page.")
        ] = False,
        port: Annotated[int, typer.Option(help="Of the page (0: any).", min=0, max=65535)] = 0,
    ) -> Answer:
        """Confirm or correct the rows that look wrong, and leave the files as they are.

        Shows a page on this machine, for the address that it prints. Every decision is written at
        once; Ctrl-C ends, and the same command goes on.
        """
        if terminal and not has_terminal():
            raise RecipeError("data label --terminal: no terminal here; leave it out for a page")
        section = section_of("label", [*(words or []), *context.args])
        with (
            Console() as console,
            work("label.open_sitting")(
                section, file=corrections, most=most, everything=everything, on_event=console
            ) as sitting,
        ):
            console.close()
            return _sat(sitting, is_here=terminal, port=port)


def _sat(sitting: Any, *, is_here: bool, port: int) -> Answer:
    if sitting.is_over:
        words = "no row is left to ask about; --all asks about every row"
        return Answer(sitting.summary(), lambda: tell(words))
    is_stopped = True
    with suppress(KeyboardInterrupt):
        if is_here:
            label_here(sitting)
        else:
            _show_page(sitting, port)
        is_stopped = False
    found = sitting.summary()
    code = _INTERRUPTED if is_stopped and found["left"] else 0
    return Answer(found, lambda: _show(found), exit_code=code)


def _show_page(sitting: Any, port: int) -> None:
    with work("label_server.LabelServer")(sitting, port=port) as server:
        rows = counted(sitting.summary()["asked"], "row")
        tell(f"Open this page to decide about {rows}; Ctrl-C ends it:")
        tell(f"    {server.url}")
        server.wait()


def _show(found: dict[str, Any]) -> None:
    by = ", ".join(f"{number} {HELP.get(what, what)}" for what, number in found["by"].items())
    tell(f"decided: {found['decided']}{f' ({by})' if by else ''}")
    if found["skipped"]:
        tell(f"skipped: {found['skipped']}")
    if found["left"]:
        tell(f"left: {found['left']}; the same command goes on")
    if found["in_file"]:
        tell(f"To train with {counted(found['in_file'], 'decision')} in {found['file']}:")
        write(found["setting"])
