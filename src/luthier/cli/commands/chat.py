"""`luthier chat`: talking to a tuned model."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from luthier.cli.answer import Answer
from luthier.cli.find import RunWord, run_folder
from luthier.cli.table import work
from luthier.core.errors import ModelError
from luthier.run.console import Console
from luthier.run.painting import safe

app = typer.Typer(add_completion=False)
HELP = "Empty line or Ctrl-D: leave. Ctrl-C: end the answer. /forget: start again."
LEAVE = ("/quit", "/exit", "/bye")


@app.command()
def chat(
    run: RunWord,
    system: Annotated[str, typer.Option(help="A system prompt.", show_default=False)] = "",
    say: Annotated[str, typer.Option(help="Say this once and leave.", show_default=False)] = "",
) -> Answer:
    """Talk to the tuned model; the conversation is remembered until you leave.

    Without a terminal every line of standard input is one message.
    """
    folder = run_folder(run)
    with Console() as console:
        conversation = work("chat.chat")(folder, system=_clean(system), on_event=console)
    turns: list[dict[str, str]] = []
    is_talk = not say and _has_terminal()
    for text in [_clean(say)] if say else _lines(is_talk):
        if text == "/forget":
            conversation.forget()
        elif is_talk and text.startswith("/") and " " not in text:
            _tell(HELP if text == "/help" else f"{text}: no such command. {HELP}")
        else:
            turns += _turn(conversation, text, goes_on=is_talk)
    return Answer({"run": str(folder), "turns": turns}, _nothing)


def _turn(conversation: Any, text: str, *, goes_on: bool) -> list[dict[str, str]]:
    """The turn, as `--json` gives it; nothing where a talk goes on without an answer.

    Raises: ModelError: the text does not fit. KeyboardInterrupt: stopped, and nobody is there to
    go on.
    """
    try:
        answer = _answered(conversation, text)
    except ModelError as error:
        if not goes_on:
            raise
        _tell(f"{error}\n/forget: start again.")
        return []
    if conversation.was_stopped and not goes_on:
        raise KeyboardInterrupt
    return [{"user": text, "assistant": answer}]


def _lines(is_talk: bool) -> Iterator[str]:
    """What the user types, until an empty line or the end."""
    if is_talk:
        _tell(HELP)
    while True:
        line = _line("> " if is_talk else "")
        text = line.strip()
        if not line or (is_talk and (not text or text in LEAVE)):
            return
        if text:
            yield text


def _line(prompt: str) -> str:
    """The next line of standard input with its end; empty when there is no more."""
    if sys.stdin is None:
        return ""
    sys.stderr.write(prompt)
    sys.stderr.flush()
    line = ""
    try:
        line = sys.stdin.buffer.readline().decode("utf-8", "replace")
    finally:
        if prompt and not line:  # Ctrl-C or Ctrl-D: what follows begins on a line of its own
            _tell("")
    return line


def _has_terminal() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()


def _answered(conversation: Any, text: str) -> str:
    pieces: list[str] = []
    for piece in conversation.say(text):
        pieces.append(piece)
        sys.stdout.write(safe(piece))
        sys.stdout.flush()
    sys.stdout.write("\n")
    return "".join(pieces)


def _clean(text: str) -> str:
    """Bytes of the command line that are no UTF-8 come as half characters no tokenizer takes."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _tell(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def _nothing() -> None:
    """The answers were shown as they came."""
