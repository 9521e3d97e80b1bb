"""Writes docs/reference.md: every recipe key and every component, from their code."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from luthier.core.expectation import expectation
from luthier.recipe.place import SECTIONS
from luthier.recipe.schema import Recipe
from luthier.workflow.components import REGISTRIES

PAGE = Path(__file__).with_name("reference.md")
HEAD = """\
# Which keys and components are there?

Made by `make docs` from the code. How to write a recipe: [recipe.md](recipe.md).
"""


def page() -> str:
    """The whole page."""
    return "\n".join([HEAD, *_recipe(), *_components()])


def _recipe() -> Iterator[str]:
    own = {name: field for name, field in Recipe.model_fields.items() if name not in SECTIONS}
    yield from _table("Recipe", "", own)
    for name, section in SECTIONS.items():
        about = (inspect.getdoc(section) or "").split("\n\n")[0]
        yield from _table(f"`{name}`", about, section.model_fields)


def _components() -> Iterator[str]:
    for word, registry in REGISTRIES.items():
        yield f"## {word.capitalize()}\n"
        for name, item in registry.items():
            about = inspect.getdoc(item) or inspect.getdoc(inspect.getmodule(item)) or ""
            yield f"### `{name}`\n\n{about}\n"
            config: type[BaseModel] | None = getattr(item, "Config", None)
            if config is not None and config.model_fields:
                yield from _rows(config.model_fields)


def _table(title: str, about: str, fields: dict[str, FieldInfo]) -> Iterator[str]:
    yield f"## {title}\n\n{about}\n" if about else f"## {title}\n"
    yield from _rows(fields)


def _rows(fields: dict[str, FieldInfo]) -> Iterator[str]:
    yield "| key | default | takes | meaning |\n|---|---|---|---|"
    for name, field in fields.items():
        meaning = " ".join((field.description or "").split())
        cells = [f"`{name}`", _default(field), expectation(field), meaning]
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
    yield ""


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "must be given"
    value: Any = field.get_default(call_default_factory=True)
    if isinstance(value, BaseModel):
        return ""
    return f"`{value}`" if value not in ("", [], {}) else "empty"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
