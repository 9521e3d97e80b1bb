"""`luthier chat`: talking to a tuned model."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from luthier.cli.answer import Answer
from luthier.cli.find import RunWord, run_folder
from luthier.cli.table import work
from luthier.run.console import Console
from luthier.run.painting import safe

app = typer.Typer(add_completion=False)
HELP = "Empty line or Ctrl-D: leave. /forget: start again."


@app.command()
def chat(
    run: RunWord,
    system: Annotated[str, typer.Option(help="A system prompt.", show_default=False)] = "",
    say: Annotated[str, typer.Option(help="Say this once and leave.", show_default=False)] = "",
) -> Answer:
    """Talk to the tuned model; the conversation is remembered until you leave.

    Without a terminal every line of standard input is one message.
    """
    with Console() as console:
        conversation = work("chat.chat")(run_folder(run), system=system, on_event=console)
    turns: list[dict[str, str]] = []
    for text in [say] if say else _lines():
        if text == "/forget":
            conversation.forget()
            continue
        turns.append({"user": text, "assistant": _answered(conversation, text)})
    return Answer({"run": str(run_folder(run)), "turns": turns}, _nothing)


def _lines() -> Iterator[str]:
    """What the user types, until an empty line or the end."""
    is_terminal = sys.stdin.isatty()
    if is_terminal:
        sys.stderr.write(f"{HELP}\n")
    while True:
        if is_terminal:
            sys.stderr.write("> ")
            sys.stderr.flush()
        line = sys.stdin.readline()
        if not line or (is_terminal and not line.strip()):
            return
        if line.strip():
            yield line.strip()


def _answered(conversation: Any, text: str) -> str:
    pieces: list[str] = []
    for piece in conversation.say(text):
        pieces.append(piece)
        sys.stdout.write(safe(piece))
        sys.stdout.flush()
    sys.stdout.write("\n")
    return "".join(pieces)


def _nothing() -> None:
    """The answers were shown as they came."""
