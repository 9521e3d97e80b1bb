"""Whether two paths lead to one file."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path


def is_among(path: Path, others: Iterable[Path]) -> bool:
    """Whether a file is one of others, by whatever names and links.

    Raises: OSError: a folder may not be looked into.
    """
    own, is_there = path.resolve(), path.exists()
    return any(
        own == other.resolve() or (is_there and other.exists() and path.samefile(other))
        for other in others
    )
