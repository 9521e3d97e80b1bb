"""What a folder holds, without what systems and Luthier itself put there."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

_OF_SYSTEMS = frozenset({"thumbs.db", "ehthumbs.db", "desktop.ini"})
_OF_A_RUN = ("resolved.yaml", "environment.json")
"""Files that stand in every run directory: its tables are answers, and no rows of anybody's."""


def members(folder: Path) -> list[Path]:
    """Files and folders at any depth that are not hidden and of no run below the folder, by name.

    A run that is named itself is a folder like any other.
    """
    return visible(sorted(folder.rglob("*")), folder)


def visible(found: Iterable[Path], folder: Path) -> list[Path]:
    """Those of some paths below the folder that `members` gives."""
    held = [path for path in found if not _is_hidden(path, folder)]
    recipes = (path for path in held if path.name == _OF_A_RUN[0])
    runs = {path.parent for path in recipes if (path.parent / _OF_A_RUN[1]).is_file()} - {folder}
    if not runs:
        return held
    return [path for path in held if not runs.intersection((path, *path.parents))]


def _is_hidden(path: Path, folder: Path) -> bool:
    """What a system keeps beside files is none of them."""
    parts = path.relative_to(folder).parts
    return path.name.lower() in _OF_SYSTEMS or any(
        part.startswith((".", "__MACOSX")) for part in parts
    )
