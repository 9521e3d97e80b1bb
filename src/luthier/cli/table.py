"""The command table: what can be typed, and where the work is done. Modules load when asked for.

`luthier --help` must answer at once, so nothing heavy is imported to draw it.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, TextIO

COMMANDS = {
    "train": "tune a model on a data file or recipe, and prove the result",
    "data": "check, clean and split data files, with every row accounted for",
    "init": "write a first recipe for a data file",
    "plan": "show what train would do: recipe, data, masks, memory, time",
    "evaluate": "gather the evidence for a run anew",
    "compare": "two runs on the same test rows",
    "grade": "is a grader fit to learn from? its scores of completions, before any training",
    "predict": "score a file of rows with a run",
    "answer": "let another model answer a file of questions, to learn from",
    "chat": "talk to a tuned model",
    "export": "write a run as an adapter or a merged model, checked against the run",
    "runs": "list, show, diff or prune runs",
    "models": "list or fetch models",
    "list": "objectives, tuners, formats and whatever else a recipe can name",
    "schema": "the JSON Schema of a recipe",
    "doctor": "is this machine ready?",
    "demo": "a small model tuned, compared and reported, from data that ships with luthier",
}
"""Name -> one line of help, in the order a user meets them."""

WITH_TORCH = frozenset(
    {
        *("train", "plan", "evaluate", "compare", "predict", "chat", "export"),
        *("demo", "doctor", "init", "settings", "grade", "answer", "examine_for"),
        *("teacher", "synth", "augment", "assisting"),
    }
)


def app_of(command: str) -> Any:
    """The typer app of one command."""
    module = "list_" if command == "list" else command
    return import_module(f"luthier.cli.commands.{module}").app


def invoke(words: list[str], output: TextIO, *, wants_json: bool) -> int:
    """Run one command of the table; its exit code."""
    run = import_module("luthier.cli.invoke").invoke
    return run(app_of, words, output, wants_json=wants_json)


def work(place: str) -> Callable[..., Any]:
    """A function of `luthier.workflow`, such as "train.train".

    The allocator and the threads are set before torch is imported, where it will be.
    """
    module, _, name = place.rpartition(".")
    if module in WITH_TORCH:
        import_module("luthier.engine.runtime").prepare()
    return getattr(import_module(f"luthier.workflow.{module}"), name)
