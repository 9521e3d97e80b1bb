"""Whether two paths lead to one file."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path


def is_among(path: Path, others: Iterable[Path]) -> bool:
    """Whether a file is one of others, by whatever names and links; one that is not there is none.

    Raises: OSError: a folder may not be looked into.
    """
    return path.exists() and any(other.exists() and path.samefile(other) for other in others)
