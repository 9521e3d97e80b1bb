"""`luthier plan`: everything that is known before the first step."""

from __future__ import annotations

from typing import Any

import typer

from luthier.cli.answer import Answer
from luthier.cli.request import ANY_WORDS, Model, Objective, Tuner, Words, request
from luthier.cli.table import work
from luthier.cli.text import write
from luthier.recipe.yaml_text import inline
from luthier.run import figures
from luthier.run.console import Console

app = typer.Typer(add_completion=False)


@app.command(context_settings=ANY_WORDS)
def plan(
    context: typer.Context,
    words: Words = None,
    model: Model = "",
    objective: Objective = "",
    tuner: Tuner = "",
) -> Answer:
    """Show what train would do: every value with its origin, the rows as the model will see them
    with the mask in colour, predicted memory, time and disk. Nothing is kept on disk."""
    asked = request([*(words or []), *context.args], model=model, objective=objective, tuner=tuner)
    with Console() as console:
        document = work("plan.plan")(asked.recipe, asked.origins, on_event=console)
        return Answer(document, lambda: _show(document, console))


def _show(document: dict[str, Any], console: Console) -> None:
    console.show_samples(document["samples"][:3])
    console.show_table("Model", facts(document["model"]))
    console.show_table("Pre-flight", facts(document["preflight"]))
    write(with_origins(document["recipe"], document["origins"]).rstrip("\n"))


def with_origins(recipe: dict[str, Any], origins: dict[str, str]) -> str:
    """The resolved recipe as YAML, each line with who set it."""
    lines: list[str] = []
    for section, value in recipe.items():
        if isinstance(value, dict) and value:
            lines.append(f"{section}:")
            for key, inner in value.items():
                lines.append(_line(f"  {key}", inner, origins.get(f"{section}.{key}", "")))
        else:
            lines.append(_line(section, value, origins.get(section, "")))
    return "\n".join(lines) + "\n"


def _line(key: str, value: Any, origin: str) -> str:
    line = f"{key}: {inline(value)}"
    return f"{line:<44}  # {' '.join(origin.split())}" if origin else line


def facts(document: dict[str, Any]) -> list[tuple[str, str]]:
    """Names and values for people: bytes and seconds in units that suit their size."""
    return [
        (name.removeprefix("num_").replace("_", " "), figures.of_fact(name, value))
        for name, value in document.items()
        if not isinstance(value, dict | list)
    ]
