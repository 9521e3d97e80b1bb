"""A pattern such as `data/*.jsonl`, or `data/**/part-?.csv.gz`."""

from __future__ import annotations

import glob
import os
from pathlib import Path

from luthier.core.errors import DataError
from luthier.data.opened import Opened
from luthier.data.parts import beside
from luthier.data.places import places
from luthier.data.places._gathered import is_row_file
from luthier.data.places._local import found_at
from luthier.data.places._parts import refuse_parts


@places.add
class Glob:
    """Files alone, each under its own name; `**` goes down into folders."""

    def holds(self, name: str) -> bool:
        return glob.has_magic(name) and "://" not in name and not Path(name).expanduser().exists()

    def find(self, name: str, *, encoding: str) -> list[Opened]:
        matches = sorted(glob.glob(str(Path(name).expanduser()), recursive=True))  # noqa: PTH207
        found = [match for match in matches if Path(match).is_file()]
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

    def digest(self, name: str) -> str:
        raise DataError(f"{name}: a pattern has no content of its own")
