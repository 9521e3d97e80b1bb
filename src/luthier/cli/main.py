"""The entry point: finds the command and leaves with its exit code. Costs nothing to import."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from typing import TextIO

from luthier.cli.interruption import STOPPED, one_interrupt, silence
from luthier.cli.table import COMMANDS, invoke
from luthier.core.hints import did_you_mean

JSON = "--json"
INTERRUPTED = 3
HEAD = """\
Usage: luthier COMMAND [ARGUMENTS]

From a pre-trained model and a file of examples to a specialised model, proven better.

Commands:
"""
FOOT = """
luthier COMMAND --help explains a command. Every command takes --json: one JSON document on
standard output, everything else on standard error. Exit codes: 0 done, 1 negative finding,
2 bad input, 3 interrupted (the same command continues), 4 our fault.
"""


def main(words: Sequence[str] | None = None) -> None:
    """Run one command and leave the process with its exit code."""
    try:
        code = run(list(sys.argv[1:] if words is None else words))
    except KeyboardInterrupt:  # in the moments before and after the command itself
        sys.stderr.write(f"{STOPPED}\n")
        code = INTERRUPTED
    silence()
    sys.exit(code)


def run(words: list[str]) -> int:
    """The exit code of `luthier WORDS`; its output is written."""
    wants_json = JSON in words
    words = [word for word in words if word != JSON]
    with _answers_only(wants_json) as output:
        if not words or words[0] in ("--help", "-h", "help"):
            return _say(help_text(), {"commands": COMMANDS}, output, wants_json, code=not words)
        if words[0] in ("--version", "version"):
            text = version("luthier")
            return _say(f"luthier {text}\n", {"version": text}, output, wants_json)
        if words[0] in COMMANDS:
            with one_interrupt():
                return invoke(words, output, wants_json=wants_json)
        message = f"luthier {words[0]}: unknown command{did_you_mean(words[0], COMMANDS)}\n"
        sys.stderr.write(message)
        error = {"error": {"message": message, "exit_code": 2}}
        return _say("", error, output, wants_json, code=2)


def help_text() -> str:
    """What `luthier --help` says."""
    width = max(len(name) for name in COMMANDS)
    lines = [f"  {name:{width}}  {summary}\n" for name, summary in COMMANDS.items()]
    return HEAD + "".join(lines) + FOOT


def _say(text: str, document: object, output: TextIO, wants_json: bool, *, code: int = 0) -> int:
    output.write(json.dumps(document, indent=2) + "\n" if wants_json else text)
    return 2 if code else 0


@contextmanager
def _answers_only(wants_json: bool) -> Generator[TextIO]:
    """Standard output; with --json whatever else is printed there goes to standard error."""
    if not wants_json:
        yield sys.stdout
        return
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        with os.fdopen(os.dup(kept), "w", encoding="utf-8") as output:
            yield output
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)
