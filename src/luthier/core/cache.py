"""Where what was fetched or unpacked is kept, and the hashes of files that were read once."""

from __future__ import annotations

import glob
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from luthier.core import files

MANIFEST = "manifest.json"
"""Name of the file that holds the SHA-256 of every other file in a cached folder."""

LEFT_OVER_SECONDS = 86_400
"""A folder half built and not touched for so long will not be finished."""


def root() -> Path:
    """The cache folder: `LUTHIER_CACHE`, else `~/.cache/luthier`."""
    return Path(os.environ.get("LUTHIER_CACHE") or "~/.cache/luthier").expanduser()


def sha256(path: Path) -> str:
    """Hex digest of a file, remembered until its place, inode, size or a time of it changes."""
    real = path.resolve()
    stat = real.stat()
    # a copy may keep the time of last change (cp -p, rsync -t), but never that of the inode
    stamp = [str(real), stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns]
    name = hashlib.sha256(str(real).encode("utf-8", "surrogateescape")).hexdigest()[:32]
    note = root() / "hashes" / f"{name}.json"
    try:
        known = files.read_json(note)
        if known["stamp"] == stamp:
            return str(known["sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        pass  # never hashed, or the note is unreadable: hash again
    digest = files.sha256(real)
    try:
        files.write_json(note, {"stamp": stamp, "sha256": digest})
    except OSError:
        return digest  # a cache that cannot be written only costs time
    return digest


def build(
    folder: Path, fill: Callable[[Path], None], *, by_size: bool = False, **notes: str
) -> Path:
    """`folder`, filled by `fill` and sealed with a manifest unless it stands there already.

    The folder appears by one rename: a reader sees all of it or nothing, and when two processes
    build it at once the first one wins. A damaged folder is built anew.
    Args: by_size: as in `damage`.
    """
    if folder.is_dir() and not damage(folder, by_size=by_size):
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    clear_up(folder)
    temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        fill(temporary)
        seal(temporary, **notes)
        if folder.is_dir() and damage(folder, by_size=by_size):
            shutil.rmtree(folder)
        try:
            temporary.rename(folder)
        except OSError:
            if not folder.is_dir():  # otherwise another process was faster
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    files.fsync_folder(folder.parent)
    return folder


def clear_up(folder: Path) -> None:
    """Remove what killed processes left beside `folder`, once nobody can still be at it."""
    for left in folder.parent.glob(f".{glob.escape(folder.name)}.*"):
        if time.time() - left.stat().st_mtime > LEFT_OVER_SECONDS:
            shutil.rmtree(left, ignore_errors=True)


def seal(folder: Path, **notes: str) -> None:
    """Write the manifest of everything in `folder`, which is on the disk by then: a reader may go
    by the sizes of the files alone."""
    os.sync()  # one for all: 2,000 files take 0.06 s, and 7 s one by one
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    listed = {
        path.relative_to(folder).as_posix(): {
            "sha256": files.sha256(path),
            "bytes": path.stat().st_size,
        }
        for path in found
        if path.name != MANIFEST
    }
    files.write_json(folder / MANIFEST, {"format_version": 1, "files": listed, "notes": notes})


def notes(folder: Path) -> dict[str, str]:
    """What was noted when `folder` was sealed; empty for a folder without our manifest."""
    try:
        return dict(files.read_json(folder / MANIFEST)["notes"])
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def damage(folder: Path, *, by_size: bool = False) -> str:
    """What is wrong with a sealed folder, or an empty string.

    Args: by_size: do not look at what is in its files, of which there may be many small ones.
    """
    recorded = listed(folder)
    if recorded is None:
        return f"{folder / MANIFEST}: missing or unreadable"
    for name, (digest, size) in recorded.items():
        path = folder / name
        if not path.is_file() or path.stat().st_size != size:
            return f"{path}: missing or not {size} bytes long"
        if not by_size and sha256(path) != digest:
            return f"{path}: its SHA-256 is not the one that was recorded"
    return ""


def listed(folder: Path) -> dict[str, tuple[str, int]] | None:
    """File -> (SHA-256, bytes) as the manifest in `folder` has it; None where it says no such
    thing. Exports are sealed in the same way."""
    try:
        found = files.read_json(folder / MANIFEST)["files"]
        return {name: (str(item["sha256"]), int(item["bytes"])) for name, item in found.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
