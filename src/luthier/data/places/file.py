"""A file on this machine."""

from __future__ import annotations

from pathlib import Path

from luthier.core import files
from luthier.data.opened import Opened
from luthier.data.places import places
from luthier.data.places._archives import is_archive
from luthier.data.places._same import is_among
from luthier.data.read import open_path


@places.add
class File:
    """Whatever is no archive; packed ones too. `rows.xlsx#Sheet 2`, `all.json#train` and
    `tickets.db#messages` name one list of rows in it."""

    def holds(self, name: str) -> bool:
        return _split(name) is not None

    def find(self, name: str, *, encoding: str) -> list[Opened]:
        path, part = _split(name) or (Path(name), "")
        return [open_path(path, name=name, encoding=encoding, part=part)]

    def reads(self, name: str, path: Path) -> bool:
        own, _ = _split(name) or (Path(name), "")
        return is_among(path, [own])

    def digest(self, name: str) -> str:
        path, _ = _split(name) or (Path(name), "")
        return files.sha256(path)


def _split(name: str) -> tuple[Path, str] | None:
    """The file that a name means, and the part of it."""
    whole, (before, mark, part) = Path(name).expanduser(), name.rpartition("#")
    if _is_file(whole):
        return whole, ""
    path = Path(before).expanduser()
    return (path, part) if mark and before and _is_file(path) else None


def _is_file(path: Path) -> bool:
    return path.exists() and not path.is_dir() and not is_archive(path)
