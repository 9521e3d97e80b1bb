"""A pattern such as `data/*.jsonl`, or `data/**/part-?.csv.gz`."""

from __future__ import annotations

import glob
import os
from fnmatch import fnmatch
from pathlib import Path

from luthier.core.errors import DataError
from luthier.data.opened import Opened
from luthier.data.parts import beside
from luthier.data.places import places
from luthier.data.places._gathered import is_row_file
from luthier.data.places._local import found_at
from luthier.data.places._parts import refuse_parts
from luthier.data.places._same import is_among


@places.add
class Glob:
    """Files alone, each under its own name; `**` goes down into folders."""

    def holds(self, name: str) -> bool:
        return glob.has_magic(name) and "://" not in name and not Path(name).expanduser().exists()

    def find(self, name: str, *, encoding: str) -> list[Opened]:
        found = [match for match in _matches(Path(name).expanduser()) if Path(match).is_file()]
        if not found:
            raise DataError(
                f"{name}: no file matches this pattern.\n    Look at the folder, or name the files"
            )
        named = {match: Path(match) for match in found}
        root = Path(os.path.commonpath([path.parent for path in named.values()]))
        told = {match: path.relative_to(root) for match, path in named.items() if is_row_file(path)}
        refuse_parts({where.as_posix(): match for match, where in told.items()}, name=name)
        with beside(len(found) > 1):
            return [
                one
                for match, path in named.items()
                for one in found_at(path, name=match, encoding=encoding)
            ]

    def reads(self, name: str, path: Path) -> bool:
        pattern = Path(name).expanduser()
        if is_among(path, map(Path, _matches(pattern))):
            return True
        if pattern.name == "**":
            pattern = pattern / "*"
        if not fnmatch(path.name, pattern.name):
            return False
        goes_down = pattern.parent.name == "**"
        inside = path.resolve().parents if goes_down else [path.parent]
        folders = [Path(match) for match in _matches(pattern.parent)]
        return any(is_among(folder, folders) for folder in inside)

    def digest(self, name: str) -> str:
        raise DataError(f"{name}: a pattern has no content of its own")


def _matches(pattern: Path) -> list[str]:
    return sorted(glob.glob(str(pattern), recursive=True))  # noqa: PTH207
