"""Runs one command: its answer or its error becomes output and an exit code."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import nullcontext, redirect_stdout
from io import StringIO
from typing import TextIO

import typer
import typer.main

from luthier.cli.answer import Answer, as_json
from luthier.cli.failure import document, explain, show

Load = Callable[[str], typer.Typer]
_STOPPED_INSIDE_TYPER = 130


def invoke(app_of: Load, words: list[str], output: TextIO, *, wants_json: bool) -> int:
    """The exit code of `luthier WORDS`; everything it has to say is written.

    Args: app_of: the typer app of a command; it may take a while to load, and may fail.
    """
    try:
        answer = _answer(app_of, words, wants_json=wants_json)
        if wants_json:
            output.write(as_json(answer.document) + "\n")
        else:
            answer.show()
        output.flush()
        return answer.exit_code
    except BrokenPipeError:
        # the reader has seen enough, as in `luthier list | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0
    except (Exception, KeyboardInterrupt) as error:
        return _fail(error, words, output, wants_json=wants_json)


def _answer(app_of: Load, words: list[str], *, wants_json: bool) -> Answer:
    """What the command found out; a command that only shows its help answers with that."""
    command = typer.main.get_command(app_of(words[0]))
    name = f"luthier {words[0]}"
    asks_help = wants_json and "--help" in words
    helped = StringIO()
    try:
        with redirect_stdout(helped) if asks_help else nullcontext():
            found = command.main(args=words[1:], prog_name=name, standalone_mode=False)
    except SystemExit as left:  # typer's way out when the reader of the output is gone
        raise BrokenPipeError from left
    if found == _STOPPED_INSIDE_TYPER:
        raise KeyboardInterrupt
    if isinstance(found, Answer):
        return found
    return Answer({"command": name, "help": helped.getvalue()}, lambda: None)


def _fail(error: BaseException, words: list[str], output: TextIO, *, wants_json: bool) -> int:
    message, code = explain(error)
    if isinstance(error, typer.TyperException):
        message = _with_help(message, error, words[0])
    show(error, message)
    if wants_json:
        output.write(as_json(document(error, message, code)) + "\n")
        output.flush()
    return code


def _with_help(message: str, error: typer.TyperException, word: str) -> str:
    """The message between the command it is about and where to read on."""
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else f"luthier {word}"
    end = "" if message.endswith((".", "?", "!")) else "."
    return f"{command}: {message}{end} See {command} --help"
