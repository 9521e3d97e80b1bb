"""A folder of pictures, one folder inside it for each class, as records."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from luthier.core import files
from luthier.core.errors import DataError
from luthier.data.sources.contract import Record

SUFFIXES = frozenset({"png", "jpg", "jpeg", "webp", "bmp", "gif", "tif", "tiff", "ppm", "pgm"})
"""Of files that hold pictures."""
_SPLITS = frozenset({"train", "training", "val", "valid", "validation", "test", "dev"})


def records_in(folder: Path, *, name: str) -> tuple[Iterator[tuple[int, Record]], str]:
    """The pictures in order of their paths, the folder of each as its label; and what was found.

    Raises: DataError: no pictures, none in folders, or folders that are splits of the data.
    """
    pictures = _pictures(folder)
    if not pictures:
        raise DataError(
            f"{name}: is a folder without pictures; expected a file of rows, a list of files "
            "(data.train = [a.jsonl, b.jsonl]), or a folder that holds one folder of pictures for "
            "each class"
        )
    loose = [path for path in pictures if path.parent == folder]
    if len(loose) == len(pictures):  # to be predicted
        found = ((number, {"picture": str(path)}) for number, path in enumerate(pictures, start=1))
        return found, f"folder of {len(pictures)} pictures"
    classes = sorted({path.relative_to(folder).parts[0] for path in pictures})
    if loose:
        raise DataError(
            f"{name}: {len(loose)} pictures, such as {loose[0].name}, stand in no folder of a "
            "class.\n    Put every picture into a folder named after its class, or name the "
            "pictures in a table: data.columns = {picture: NAME, label: NAME}"
        )
    if len(classes) > 1 and {entry.lower() for entry in classes} <= _SPLITS:
        raise DataError(
            f"{name}: its folders are {', '.join(classes)}, which are parts of the data and no "
            f"classes.\n    Name each: data.train = {folder / classes[-1]}"
        )
    found = (
        (number, {"picture": str(path), "label": path.relative_to(folder).parts[0]})
        for number, path in enumerate(pictures, start=1)
    )
    return found, f"folder of {len(pictures)} pictures in {len(classes)} classes"


def holds_pictures(folder: Path) -> bool:
    """Whether some picture stands in a folder inside it."""
    return any(_is_picture(path, folder) for path in folder.glob("*/*"))


def digest_of(folder: Path) -> str:
    """SHA-256 over names and contents of its pictures."""
    parts: list[bytes] = []
    for path in _pictures(folder):
        parts += [str(path.relative_to(folder)).encode(), files.sha256(path).encode()]
    return files.sha256_of(parts)


def _pictures(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if _is_picture(path, folder))


def _is_picture(path: Path, folder: Path) -> bool:
    """A file of pixels; what a system hides beside them is none."""
    is_hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
    return path.suffix.lower().lstrip(".") in SUFFIXES and not is_hidden and path.is_file()
