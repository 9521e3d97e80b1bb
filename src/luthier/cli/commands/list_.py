"""`luthier list`: whatever a recipe can name."""

from __future__ import annotations

import sys

import typer

from luthier.cli.answer import Answer
from luthier.cli.table import work

app = typer.Typer(add_completion=False)


@app.command("list")
def list_components() -> Answer:
    """Objectives, tuners, formats, metrics, exporters and trackers, each in one line."""
    found: dict[str, list[dict[str, str]]] = work("components.listing")()
    return Answer(found, lambda: _show(found))


def _show(found: dict[str, list[dict[str, str]]]) -> None:
    blocks: list[str] = []
    for word, items in found.items():
        width = max((len(item["name"]) for item in items), default=0)
        lines = [f"  {item['name']:{width}}  {_plain(item['summary'])}" for item in items]
        blocks.append("\n".join([word, *lines]))
    sys.stdout.write("\n\n".join(blocks) + "\n")


def _plain(summary: str) -> str:
    """Descriptions are written for pages; a terminal needs no marks."""
    return summary.replace("**", "").replace("`", "")
