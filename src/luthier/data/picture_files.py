"""Which files hold pictures, by their names."""

from __future__ import annotations

SUFFIXES = frozenset({"png", "jpg", "jpeg", "webp", "bmp", "gif", "tif", "tiff", "ppm", "pgm"})


def is_picture(name: str) -> bool:
    """Whether a file of that name holds pixels."""
    return name.lower().rpartition(".")[2] in SUFFIXES
