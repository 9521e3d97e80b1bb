"""A folder: of tables, of texts, or of pictures."""

from __future__ import annotations

from pathlib import Path

from luthier.data.opened import Opened
from luthier.data.places import places
from luthier.data.places._gathered import (
    digest_of,
    gathered,
    holds_read,
    is_model,
    is_read,
)
from luthier.data.places._members import members


@places.add
class Folder:
    """Everything in it and below, in order of the names; `rows/#train` means what is called so:
    tables, a folder of texts or pictures, or `train.txt`."""

    def holds(self, name: str) -> bool:
        return _split(name) is not None

    def find(self, name: str, *, encoding: str) -> list[Opened]:
        path, part = _split(name) or (Path(name), "")
        whole = name.removesuffix(f"#{part}") if part else name
        return gathered(path, name=whole, encoding=encoding, part=part, has_sign=True)

    def reads(self, name: str, path: Path) -> bool:
        folder, _ = _split(name) or (Path(name), "")
        return holds_read(folder, path)

    def digest(self, name: str) -> str:
        path, _ = _split(name) or (Path(name), "")
        return digest_of(path)


def _split(name: str) -> tuple[Path, str] | None:
    """The folder that a name means, and the part of it."""
    whole, (before, mark, part) = Path(name).expanduser(), name.rpartition("#")
    if whole.is_dir():
        return whole, ""
    path = Path(before).expanduser()
    return (path, part) if mark and before and path.is_dir() else None


def holds_rows(folder: Path) -> bool:
    """Whether a folder has something in it that may be read as rows, and is none of a model."""
    return not is_model(folder) and any(is_read(path) for path in members(folder))
