"""What lies at a path of this machine, whatever it is called: a file, or an archive's content."""

from __future__ import annotations

from pathlib import Path

from luthier.core import files
from luthier.core.errors import DataError
from luthier.data.opened import Opened
from luthier.data.places._archives import is_archive, unpacked
from luthier.data.places._gathered import digest_of, gathered
from luthier.data.read import open_path


def found_at(
    path: Path, *, name: str, encoding: str, member: str = "", part: str = ""
) -> list[Opened]:
    """The file, or all that stands in the archive, or one file or folder of it.

    Args: member: in the archive; "#" and a part may follow. part: of a file that is no archive.
    Raises: DataError: as `open_path` and `gathered`; the archive has no such member.
    """
    inside, more = _inside(path, name, member)
    whole = f"{name}/{member}" if member else name
    if inside.is_dir():
        whole = whole.removesuffix(f"#{more}")
        return gathered(inside, name=whole, encoding=encoding, part=more)
    whole += f"#{part}" if part else ""
    return [open_path(inside, name=whole, encoding=encoding, part=part or more)]


def digest_at(path: Path, *, name: str, member: str = "") -> str:
    """SHA-256 of the same. Raises: DataError: as `found_at`."""
    inside, _ = _inside(path, name, member)
    return digest_of(inside) if inside.is_dir() else files.sha256(inside)


def _inside(path: Path, name: str, member: str) -> tuple[Path, str]:
    """The file or folder that is meant, and the part of it."""
    if not is_archive(path):
        if member:
            raise DataError(f"{name}: is no archive, so there is no '{member}' in it")
        return path, ""
    found, part = unpacked(path, name=name) / member, ""
    if not found.exists() and "#" in member:
        member, _, part = member.rpartition("#")
        found = unpacked(path, name=name) / member
    if not found.exists():
        raise DataError(f"{name}/{member}: no such file in the archive.\n    Look at what is in it")
    return found, part
