"""Files that hold rows inside something else: unpacked, or named as what they are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from luthier.core.errors import DataError
from luthier.data.packings import packings
from luthier.data.packings._unpacked import unpacked

_SAVE = "Open it and save the table as CSV (UTF-8), then name that file"
_FOREIGN = (
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", "Unpack it, and name the folder that comes out"),
    (b"Rar!\x1a\x07", "a RAR archive", "Unpack it, and name the folder that comes out"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Office document", f"{_SAVE}; a text as .docx"),
    (b"PK\x03\x04", "an Office document", _SAVE),  # archives are places
)
_DEEPEST = 3


def refuse_foreign(head: bytes, *, file: str) -> None:
    """Nothing, for a file that may be text.

    Raises: DataError: it is a document or an archive of a kind that is not read; with what to do.
    """
    for known, what, todo in _FOREIGN:
        if head.startswith(known):
            raise DataError(f"{file}: is {what}; expected rows.\n    {todo}")


def unpack(
    open_bytes: Callable[[], BinaryIO], *, file: str, size: int
) -> tuple[Callable[[], BinaryIO], str, tuple[str, ...]]:
    """What opens the innermost bytes, their extension, and what was unpacked on the way, in words.

    Raises: DataError: damaged, or packed more than three times.
    """
    inside, suffixes = open_bytes, Path(file).name.lower().split(".")
    words: list[str] = []
    while True:
        with inside() as content:
            start = content.read(16)
        found = next((kind() for _, kind in packings.items() if start.startswith(kind.start)), None)
        if found is None:
            break
        if len(words) == _DEEPEST:
            raise DataError(f"{file}: is packed more than {_DEEPEST} times; unpack it yourself")
        if suffixes[-1] in found.suffixes:
            suffixes.pop()
        words.append(f"unpacked from {found.words}")
        inside = unpacked(found, inside, name=file, size=size)
    return inside, suffixes[-1] if len(suffixes) > 1 else "", tuple(words)
