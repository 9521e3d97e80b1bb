"""`luthier schema`: the JSON Schema of a recipe."""

from __future__ import annotations

import sys
from typing import Any

import typer

from luthier.cli.answer import Answer, as_json
from luthier.cli.table import work

app = typer.Typer(add_completion=False)


@app.command()
def schema() -> Answer:
    """Print the JSON Schema of a recipe, with the settings of every objective and tuner."""
    found: dict[str, Any] = work("components.schema")()
    return Answer(found, lambda: _show(found))


def _show(found: dict[str, Any]) -> None:
    sys.stdout.write(as_json(found) + "\n")
