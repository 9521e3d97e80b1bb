"""A folder: of tables, of texts, or of pictures."""

from __future__ import annotations

from pathlib import Path

from luthier.data.opened import Opened
from luthier.data.places import places
from luthier.data.places._gathered import (
    digest_of,
    gathered,
    is_hidden,
    is_model,
    is_read,
)


@places.add
class Folder:
    """Everything in it and below, in order of the names."""

    def holds(self, name: str) -> bool:
        return Path(name).expanduser().is_dir()

    def find(self, name: str, *, encoding: str) -> list[Opened]:
        return gathered(Path(name).expanduser(), name=name, encoding=encoding)

    def digest(self, name: str) -> str:
        return digest_of(Path(name).expanduser())


def holds_rows(folder: Path) -> bool:
    """Whether a folder has something in it that may be read as rows, and is none of a model."""
    found = (path for path in folder.rglob("*") if not is_hidden(path, folder))
    return not is_model(folder) and any(is_read(path) for path in found)
