"""A `luthier` command in a process of its own that does not import everything once more.

A server that holds torch, transformers and Luthier forks it: 4 to 5 s less for each command. It is
`python -m luthier` in everything else; terminal.py and `Desk.start` begin that itself.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import tempfile
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext
from pathlib import Path

from luthier.cli import main

SECONDS = 240.0
"""No command of a journey takes so long when all is well."""
HELD = (
    *(f"luthier.workflow.{name}" for name in ("train", "evaluate", "predict", "export", "chat")),
    *(f"transformers.models.{name}.modeling_{name}" for name in ("bert", "llama")),
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
        process = _server().Process(target=_command, args=arguments)
        process.start()
        process.join(SECONDS)
        if process.exitcode is None:
            process.kill()
            raise TimeoutError(f"luthier {' '.join(words)}\n{messages.read_text()}")
        return process.exitcode, output.read_text("utf-8"), messages.read_text("utf-8")


def _command(
    words: list[str], folder: Path, environment: dict[str, str], output: Path, messages: Path
) -> None:
    """What the forked process does; it leaves with the exit code of the command."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.path.insert(0, "")  # as `python -m` has it
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
