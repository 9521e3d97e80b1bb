"""A ZIP or tar archive, or one file or folder inside it: `rows.zip`, `rows.zip/train.csv`."""

from __future__ import annotations

from pathlib import Path

from luthier.data.opened import Opened
from luthier.data.places import places
from luthier.data.places._archives import is_archive
from luthier.data.places._local import digest_at, found_at
from luthier.data.places._same import is_among


@places.add
class Archive:
    """Unpacked into the cache folder, then as `folder`."""

    def holds(self, name: str) -> bool:
        return _split(name) is not None

    def find(self, name: str, *, encoding: str) -> list[Opened]:
        archive, member = _split(name) or (Path(name), "")
        outer = name.removesuffix(f"/{member}") if member else name
        return found_at(archive, name=outer, encoding=encoding, member=member)

    def reads(self, name: str, path: Path) -> bool:
        archive, _ = _split(name) or (Path(name), "")
        return is_among(path, [archive])

    def digest(self, name: str) -> str:
        archive, member = _split(name) or (Path(name), "")
        return digest_at(archive, name=name, member=member)


def _split(name: str) -> tuple[Path, str] | None:
    """The archive that a name leads through, and what follows it."""
    path = Path(name).expanduser()
    for outer in (path, *path.parents):
        if outer.is_file():
            if not is_archive(outer):
                return None
            member = path.relative_to(outer).as_posix()
            return outer, "" if member == "." else member
    return None
