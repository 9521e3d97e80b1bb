"""A file that is open: its records, and how it is read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from luthier.data.sources.contract import Record


@dataclass(frozen=True, slots=True)
class Opened:
    """One file; `records` can be walked once."""

    name: str
    sha256: str
    kind: str
    """Name of the source, such as "csv"."""
    notes: tuple[str, ...]
    """How it is read, in words."""
    records: Iterator[tuple[int, Record]]
    documents: bool = False
    """Each record is a document, as long as it may be."""
    missing: frozenset[str] = frozenset()
    """Texts that stand for a value that is missing, where a column is one of labels."""
    counted: str = "line"
    """What the numbers of its records count: "line", or "row"."""
    folder: Path | None = None
    """Where it lies, so that files it names are found; None: they are named in full."""
