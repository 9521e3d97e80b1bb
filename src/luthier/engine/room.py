"""How much of the disk the states of frozen layers may take, and which of them make room."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from luthier.core import cache

FREE_SHARE = 0.5
"""Of the disk that is free, or held by states of earlier runs, that is taken at most."""


def home() -> Path:
    """The folder of all states."""
    return cache.root() / "states"


def limit(most: int) -> tuple[int, str]:
    """Bytes that all states may take, at most `most`, and what limits them in words.

    What stands there already counts as free, so that a run finds the room that it found before.
    """
    there = next(path for path in (home(), *home().absolute().parents) if path.exists())
    own = sum(size for _, size in _standing().values())
    free = int(FREE_SHARE * (shutil.disk_usage(there).free + own))
    if most <= free:
        return most, "training.cache_bytes"
    return free, f"{FREE_SHARE:.0%} of the free disk"


def make_room(folder: Path, needed: int, most: int) -> None:
    """Remove what was used least recently, until all of it, with `folder`, is at most `most`."""
    others = {path: found for path, found in _standing().items() if path != folder}
    total = needed + sum(size for _, size in others.values())
    for path, (_, size) in sorted(others.items(), key=lambda item: item[1]):
        if total <= most:
            return
        total -= size
        shutil.rmtree(path, ignore_errors=True)


def _standing() -> dict[Path, tuple[float, int]]:
    """(Time of last use, bytes) of each folder of states.

    A folder that another process may be writing is not among them, nor one that it just removed.
    """
    found: dict[Path, tuple[float, int]] = {}
    for path in home().glob("*"):
        try:
            used = path.stat().st_mtime
            is_new = time.time() - used < cache.LEFT_OVER_SECONDS
            if path.is_dir() and not (is_new and path.name.startswith(".")):
                found[path] = used, sum(part.stat().st_size for part in path.iterdir())
        except OSError:
            continue
    return found
