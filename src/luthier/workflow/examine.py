"""What is wrong with the rows of some files, before anything is trained on them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from luthier.core import files
from luthier.core.config import build
from luthier.data.examine import Examined, examine
from luthier.data.overview import overview
from luthier.data.points.embedder import Embedder
from luthier.recipe.schema import DataSection
from luthier.run.report import render_findings
from luthier.workflow.assisting import Models
from luthier.workflow.stages import Listener, Stages, silent

Further = Callable[[Examined], tuple[Examined, dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class View:
    """What a model adds to a check of rows."""

    wants: str
    """The shape of rows that is read, or "auto"."""
    further: Further
    """Findings of its own, and further keys of the document."""
    embedder: Embedder | None = None
    """Gives vectors of texts; None: they are made of words."""


def section_of(settings: Mapping[str, Any]) -> DataSection:
    """Which files are read and how: settings as a recipe has them under `data`.

    Raises: RecipeError: every problem with them.
    """
    return build(DataSection, dict(settings), where="data")


def check_files(
    section: DataSection,
    *,
    output: Path | None = None,
    report: Path | None = None,
    on_event: Listener = silent,
) -> dict[str, Any]:
    """What was read and what is wrong with it, as `Examined.document` has it; where a file is
    written, what the rows are like too (`data/overview.py`).

    Args: output: a file to be written with it. report: a page for people, as HTML.
    Raises: DataError: a file cannot be read. RecipeError: a way of cleaning that there is none of.
    """
    view = View("auto", lambda found: (found, {}))
    return checked(section, view, Stages(on_event), output=output, report=report)


def checked(
    section: DataSection,
    view: View,
    stages: Stages,
    *,
    output: Path | None,
    report: Path | None,
) -> dict[str, Any]:
    """The same with what a model adds."""
    with stages.stage("checking data"):
        read = examine(
            section,
            wants=view.wants,
            embedder=view.embedder,
            helpers=Models(Path(), teacher=None, seed=0, on_event=stages.tell),
            progress=stages.note,
        )
        found, more = view.further(read)
        if output is not None or report is not None:
            more |= overview(found, progress=stages.note)
    document = {**found.document(), **more}
    if output is not None:
        files.write_json(output, document)
    if report is not None:
        names = section.train_files
        name = names if isinstance(names, str) else ", ".join(names)
        files.write_text(report, render_findings(document, name=name))
    return document
