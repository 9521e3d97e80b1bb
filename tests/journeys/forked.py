"""Processes of their own that do not import everything once more.

A server that holds torch, transformers, PEFT and Luthier forks them: 4 to 5 s less for each command
and for each export that a stranger opens. They are `python -m luthier` and `python -m MODULE` in
everything else; terminal.py and `Desk.start` begin the former itself.
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import sys
import tempfile
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache, partial
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any, NoReturn

from luthier.cli import main
from luthier.export import _parity

SECONDS = 240.0
"""No command of a journey takes so long when all is well."""
HELD = (
    *(f"luthier.workflow.{name}" for name in ("train", "evaluate", "predict", "export", "chat")),
    *(f"transformers.models.{name}.modeling_{name}" for name in ("bert", "llama")),
    "luthier.export._reopen",
    *("peft", "sklearn.linear_model", "sklearn.feature_extraction.text", "scipy.stats"),
)
"""What the server imports; it computes nothing, since threads do not survive a fork."""
AT_IMPORT = {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
"""Of a command's environment, what libraries read when they are imported."""


def luthier(
    words: Sequence[str], *, folder: Path, environment: Mapping[str, str]
) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of `luthier WORDS`."""
    with tempfile.TemporaryDirectory() as place:
        output, messages = Path(place, "output"), Path(place, "messages")
        arguments = (list(words), folder, dict(environment), output, messages)
        code = _ended(_command, arguments, messages)
        return code, output.read_text("utf-8"), messages.read_text("utf-8")


def module(name: str, arguments: Sequence[str]) -> tuple[int, str]:
    """Exit code and standard error of `python -m NAME ARGUMENTS`."""

    def run(*given: Any) -> int:
        return _ended(_module, given, messages=given[-1])

    return _told(run, name, arguments)


def _ended(target: Callable[..., None], given: tuple[Any, ...], messages: Path) -> int:
    """Exit code of a forked process that runs `target`."""
    process = _server().Process(target=target, args=given)
    process.start()
    process.join(SECONDS)
    if process.exitcode is None:
        process.kill()
        raise TimeoutError(f"{given[0]} {given[1]}\n{messages.read_text()}")
    return process.exitcode


def _told(run: Callable[..., int], name: str, arguments: Sequence[str]) -> tuple[int, str]:
    with tempfile.TemporaryDirectory() as place:
        messages = Path(place, "messages")
        code = run(name, list(arguments), dict(os.environ), messages)
        return code, messages.read_text("utf-8")


def _module(name: str, arguments: list[str], environment: dict[str, str], messages: Path) -> None:
    os.environ.clear()
    os.environ.update(environment)
    os.dup2(os.open(messages, os.O_WRONLY | os.O_CREAT), 2)
    sys.argv = [name, *arguments]
    runpy.run_module(name, run_name="__main__")


def _helped() -> None:
    """Give this process, which has just been forked, another that begins modules for it: later it
    has threads, and cannot be forked any more."""
    ours, theirs = multiprocessing.Pipe()
    if not os.fork():
        ours.close()
        _begin_modules(theirs)
    theirs.close()

    def run(*given: Any) -> int:
        ours.send(given)
        return ours.recv()

    _parity.fresh_process = partial(_told, run)


def _begin_modules(asked: Connection) -> NoReturn:
    with suppress(EOFError):  # the command has ended
        while True:
            process = multiprocessing.get_context("fork").Process(target=_module, args=asked.recv())
            process.start()
            process.join()
            asked.send(process.exitcode)
    os._exit(0)


def _command(
    words: list[str], folder: Path, environment: dict[str, str], output: Path, messages: Path
) -> None:
    """What the forked process does; it leaves with the exit code of the command."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.path.insert(0, "")  # as `python -m` has it
    _helped()
    for path, descriptor in ((output, 1), (messages, 2)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), descriptor)
    main.main(words)


@cache
def _server() -> ForkServerContext:
    found = multiprocessing.get_context("forkserver")
    found.set_forkserver_preload(list(HELD))
    with _environment(AT_IMPORT):
        forkserver.ensure_running()
    return found


@contextmanager
def _environment(changes: Mapping[str, str]) -> Generator[None]:
    kept = dict(os.environ)
    os.environ.update(changes)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(kept)
