"""Templates filled in: every text is escaped, and the page holds its own style."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined


def filled(template: str, content: Mapping[str, Any]) -> str:
    """A page as HTML: no script, no request, readable from `file://` and in print."""
    environment = Environment(
        loader=PackageLoader("luthier.run.report", "templates"),
        autoescape=True,  # every text of a row goes through here
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style = resources.files("luthier.run.report").joinpath("style.css").read_text("utf-8")
    return environment.get_template(template).render(style=style, **content)
