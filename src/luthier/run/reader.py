"""A run directory read back: every document parsed, missing ones as None."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from luthier.core.errors import RunError
from luthier.run import shapes
from luthier.run.layout import FORMAT_VERSION, Layout

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class RunFiles:
    """The documents of one run, as written; `None` or empty where a stage was not reached."""

    layout: Layout
    resolved: Document | None = None
    ledger: Document | None = None
    evaluation: Document | None = None
    preflight: Document | None = None
    environment: Document | None = None
    summary: Document | None = None
    splits: Any = None
    samples: list[Document] = field(default_factory=list[Document])
    metrics: list[Document] = field(default_factory=list[Document])
    predictions: list[Document] = field(default_factory=list[Document])

    @property
    def name(self) -> str:
        """Name of the run: what the summary says, else the folder."""
        return str((self.summary or {}).get("name") or self.layout.root.resolve().name)

    @property
    def recipe(self) -> Document:
        """The resolved recipe, or an empty mapping."""
        found = (self.resolved or {}).get("recipe")
        return found if isinstance(found, dict) else {}

    def events(self, kind: str) -> list[Document]:
        """Logged events of one kind ("updated", "validated", "skipped", ...), one per step."""
        found = [event for event in self.metrics if event.get("event") == kind]
        if not found or "step" not in found[0] or kind == "skipped":
            return found
        return list({event["step"]: event for event in found}.values())


class _Loader(yaml.SafeLoader):
    """SafeLoader that also takes 2e-05 for a number, as runs of earlier versions wrote it."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?[0-9]+[eE][-+]?[0-9]+\Z"), list("-+0123456789")
)


def open_run(path: str | Path) -> RunFiles:
    """The run in folder `path`.

    Raises: RunError: no such folder, no run, a newer format, or a broken document.
    """
    layout = Layout(Path(path))
    _check_is_run(layout)
    resolved, summary = _yaml(layout.resolved), _json(layout.summary)
    for document, source in ((resolved, layout.resolved), (summary, layout.summary)):
        _check_version(document, source)
    return RunFiles(
        layout=layout,
        resolved=resolved,
        summary=summary,
        ledger=_json(layout.ledger),
        evaluation=_json(layout.evaluation, shapes.EVALUATION),
        preflight=_json(layout.preflight),
        environment=_json(layout.environment),
        splits=_json(layout.splits, shapes.SPLITS),
        samples=_json(layout.samples, shapes.SAMPLES) or [],
        metrics=_lines(layout.metrics, shapes.METRICS, is_growing=True),
        predictions=_lines(layout.predictions, shapes.PREDICTIONS, is_growing=False),
    )


def _check_is_run(layout: Layout) -> None:
    if not layout.root.exists():
        raise RunError(
            f"run {layout.root}: no such folder. `luthier runs list` shows what there is."
        )
    if not layout.root.is_dir():
        raise RunError(f"run {layout.root}: is a file, expected the folder of a run.")
    if not (layout.resolved.is_file() or layout.summary.is_file()):
        raise RunError(
            f"run {layout.root}: is no run directory: it holds neither {layout.resolved.name} nor "
            f"{layout.summary.name}. `luthier runs list` shows what there is."
        )


def _check_version(document: Document | None, source: Path) -> None:
    version = (document or {}).get("format_version", FORMAT_VERSION)
    if not isinstance(version, int) or not 1 <= version <= FORMAT_VERSION:
        raise RunError(
            f"run {source}: format_version is {version!r}, this version of luthier reads up to "
            f"{FORMAT_VERSION}. Upgrade luthier to open it."
        )


def _json(path: Path, shape: Any = shapes.ANYTHING) -> Any:
    """None where there is no such file."""
    text = _text(path)
    if text is None:
        return None
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        raise RunError(
            f"run {path} line {error.lineno}: broken JSON ({error.msg}). {shapes.REPAIR}"
        ) from None
    shapes.check(found, shape, path)
    return found


def _yaml(path: Path) -> Document | None:
    text = _text(path)
    if text is None:
        return None
    try:
        found = yaml.load(text, _Loader)
    except yaml.YAMLError as error:
        raise RunError(f"run {path}: broken YAML ({' '.join(str(error).split())}).") from None
    shapes.check(found, shapes.RESOLVED, path)
    return found


def _lines(path: Path, shape: Any, *, is_growing: bool) -> list[Document]:
    text = _text(path) or ""
    lines = text.split("\n")
    last = lines.pop()  # what follows the last line end: nothing, or half a line being written
    if last and not is_growing:
        lines.append(last)
    found: list[Document] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            found.append(json.loads(line))
        except json.JSONDecodeError as error:
            raise RunError(
                f"run {path} line {number}: broken JSON ({error.msg}). {shapes.REPAIR}"
            ) from None
    shapes.check(found, shape, path)
    return found


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError as error:
        raise RunError(f"run {path}: not UTF-8 at byte {error.start}.") from None
    except OSError as error:
        raise RunError(f"run {path}: cannot be read ({error.strerror}).") from None
