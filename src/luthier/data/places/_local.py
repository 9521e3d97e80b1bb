"""What lies at a path of this machine, whatever it is called: a file, or an archive's content."""

from __future__ import annotations

from pathlib import Path

from luthier.core import files
from luthier.core.errors import DataError
from luthier.data.opened import Opened
from luthier.data.places._archives import is_archive, unpacked
from luthier.data.places._gathered import digest_of, gathered
from luthier.data.read import open_path


def found_at(path: Path, *, name: str, encoding: str, member: str = "") -> list[Opened]:
    """The file, or all that stands in the archive, or one file or folder of it.

    Raises: DataError: as `open_path` and `gathered`; the archive has no such member.
    """
    inside = _inside(path, name, member)
    if inside.is_dir():
        whole = f"{name}/{member}" if member else name
        return gathered(inside, name=whole, encoding=encoding)
    return [open_path(inside, name=f"{name}/{member}" if member else name, encoding=encoding)]


def digest_at(path: Path, *, name: str, member: str = "") -> str:
    """SHA-256 of the same. Raises: DataError: as `found_at`."""
    inside = _inside(path, name, member)
    return digest_of(inside) if inside.is_dir() else files.sha256(inside)


def _inside(path: Path, name: str, member: str) -> Path:
    if not is_archive(path):
        if member:
            raise DataError(f"{name}: is no archive, so there is no '{member}' in it")
        return path
    found = unpacked(path, name=name) / member
    if not found.exists():
        raise DataError(f"{name}/{member}: no such file in the archive.\n    Look at what is in it")
    return found
