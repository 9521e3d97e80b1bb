"""An error as one message and an exit code; a mistake of ours goes to a file, not to the screen."""

from __future__ import annotations

import errno
import os
import platform
import sys
import time
import traceback
from pathlib import Path
from typing import Any

import typer
from rich.console import Console as Terminal
from rich.text import Text

from luthier.cli.interruption import STOPPED, is_interrupt
from luthier.core.errors import Interrupted, LuthierError, MaskError
from luthier.run.painting import legend, painted, safe

INTERRUPTED, OUR_FAULT, BAD_INPUT = 3, 4, 2
_THEIR_DISK = frozenset(
    {
        *(errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS),
        *(errno.ENAMETOOLONG, errno.ENOTDIR, errno.ELOOP, errno.EFBIG),
    }
)
_MOST_CHARACTERS = 2000
"""Of a row whose mask is broken; the middle of a longer one is left out."""


def explain(error: BaseException) -> tuple[str, int]:
    """The whole message a user sees, and the exit code."""
    if isinstance(error, Interrupted):
        return str(error), error.exit_code
    if is_interrupt(error) or isinstance(error, typer.Abort):
        return STOPPED, INTERRUPTED
    if isinstance(error, LuthierError):
        return str(error), error.exit_code
    if isinstance(error, typer.TyperException):
        return error.format_message(), BAD_INPUT
    if isinstance(error, OSError) and error.errno in _THEIR_DISK:
        place = f"{error.filename}: " if error.filename else ""
        return f"{place}{(error.strerror or 'not possible').lower()}", BAD_INPUT
    return _our_fault(error), OUR_FAULT


def show(error: BaseException, message: str) -> None:
    """Write the message to standard error; on a terminal a broken mask is shown in colour."""
    terminal = Terminal(stderr=True, highlight=False)
    has_color = terminal.is_terminal and not terminal.no_color
    if has_color and isinstance(error, MaskError) and error.pieces:
        terminal.print(Text(safe(error.message)), legend(has_color=True), sep="\n")
        terminal.print(_shortened(painted(error.pieces, has_color=True)))
    else:
        sys.stderr.write(safe(message.rstrip("\n")) + "\n")


def document(error: BaseException, message: str, code: int) -> dict[str, Any]:
    """What `--json` says of an error."""
    pieces = {"pieces": error.pieces} if isinstance(error, MaskError) else {}
    return {"error": {"message": message, "exit_code": code, **pieces}}


def _shortened(text: Text) -> Text:
    if len(text) <= _MOST_CHARACTERS:
        return text
    half = _MOST_CHARACTERS // 2
    return Text.assemble(text[:half], " ... ", text[-half:])


def _our_fault(error: BaseException) -> str:
    if os.environ.get("LUTHIER_DEBUG") == "1":
        traceback.print_exception(error)
    said = f"{type(error).__name__}: {error}".splitlines()[0][:300]
    try:
        file = _write_trace(error)
    except OSError as problem:
        return (
            f"This is a mistake in luthier, not in your input: {said}\n"
            f"    No details could be written ({problem.strerror}); LUTHIER_DEBUG=1 shows them."
        )
    return (
        f"This is a mistake in luthier, not in your input: {said}\n"
        f"    Details: {file}\n"
        "    Please report it with that file; it holds the command and the trace, no data."
    )


def _write_trace(error: BaseException) -> Path:
    cache = os.environ.get("LUTHIER_CACHE") or "~/.cache/luthier"
    folder = Path(cache).expanduser() / "crash"
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.txt"
    head = (
        f"luthier {' '.join(sys.argv[1:])}\npython {platform.python_version()}, {sys.platform}\n\n"
    )
    file.write_text(head + "".join(traceback.format_exception(error)), encoding="utf-8")
    return file
