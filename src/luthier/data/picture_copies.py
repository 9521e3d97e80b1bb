"""Pictures of the cache folder, copied beside a file of rows that names them: whoever removes the
cache, or moves the file with its folder, still has them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from luthier.core import cache

FOLDER = "pictures"


def named_from(folder: Path, picture: str, digest: str) -> str:
    """How a file of rows in `folder` names a picture: in full, or, where it lay in the cache, as
    the copy of it in `folder`.

    Raises: OSError: the disk is full.
    """
    path = Path(picture).absolute()
    if not path.is_relative_to(cache.root().absolute()):
        return str(path)
    name = f"{FOLDER}/{digest}{path.suffix.lower()}"
    if not (target := folder / name).is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        unfinished = target.with_suffix(".part")
        shutil.copyfile(path, unfinished)
        unfinished.replace(target)
    return name


def keep(folder: Path) -> None:
    """See to it that the copies in `folder` are on the disk."""
    if (folder / FOLDER).is_dir():
        os.sync()  # one for all, as many small files take long one by one
