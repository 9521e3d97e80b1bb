"""Which runs there are: their summaries, read anew each time."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from luthier.core.errors import RunError
from luthier.core.hints import did_you_mean

SUMMARY = "summary.json"
"""Every run directory holds it from its first minute."""
LOG = "metrics.jsonl"
"""Beside it from the first second; a folder without it is somebody else's."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One run. `state` is "unreadable" where its summary is broken; `problem` then says why."""

    path: Path
    name: str
    state: str
    summary: dict[str, Any]
    problem: str = ""

    @property
    def updated(self) -> str:
        """ISO time of the last change, or ""."""
        return str(self.summary.get("updated", ""))

    def document(self) -> dict[str, Any]:
        """What `luthier runs list --json` prints of it."""
        return {
            "path": str(self.path),
            "name": self.name,
            "state": self.state,
            "problem": self.problem,
            **{key: value for key, value in self.summary.items() if key not in ("name", "state")},
        }


def list_runs(root: Path) -> list[Entry]:
    """Every run directly in `root`, the newest first; nothing when there is no such folder.

    Raises: RunError: `root` cannot be read.
    """
    if not root.exists():
        return []
    try:
        folders = [item for item in root.iterdir() if _is_run(item)]
    except OSError as error:
        raise RunError(f"runs in {root}: cannot be read ({error.strerror}).") from None
    found = [_entry(folder) for folder in folders]
    return sorted(found, key=lambda entry: (entry.updated, entry.name), reverse=True)


def find(root: Path, name: str) -> Entry:
    """The run called `name`: a path, a folder in `root`, a name in a summary, or "latest".

    Raises: RunError: none or several, with the nearest names.
    """
    if _is_run(Path(name)):
        return _entry(Path(name))
    runs = list_runs(root)
    if name == "latest" and runs:
        return runs[0]
    by_folder = [run for run in runs if run.path.name == name]
    matches = by_folder or [run for run in runs if run.name == name]
    matches = matches or [run for run in runs if run.path.name.startswith(name)]
    if len(matches) == 1:
        return matches[0]
    if matches:
        folders = ", ".join(run.path.name for run in matches)
        raise RunError(f"run '{name}': means several: {folders}. Give the folder.")
    known = [run.path.name for run in runs]
    hint = did_you_mean(name, known) or f"; there are no runs in {root}"
    raise RunError(f"run '{name}': not found{hint}")


def _is_run(folder: Path) -> bool:
    return (folder / SUMMARY).is_file() and (folder / LOG).is_file()


def _entry(folder: Path) -> Entry:
    try:
        summary = json.loads((folder / SUMMARY).read_text(encoding="utf-8"))
        if not isinstance(summary, dict):
            raise ValueError("not a JSON object")
    except (OSError, ValueError) as error:
        return Entry(folder, folder.name, "unreadable", {}, str(error))
    name, state = summary.get("name", folder.name), summary.get("state", "unknown")
    return Entry(folder, str(name), str(state), summary)
