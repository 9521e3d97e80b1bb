"""`splits.json`: which row of which file went where, written row by row."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from luthier.core import files
from luthier.data.rows import Row, Splits

SPLITS = ("train", "validation", "test")


def write_splits(path: Path, splits: Splits) -> None:
    """Each row by origin and content hash; and how it was made, where it is in no file."""
    files.write_pieces(path, (text.encode() for text in _pieces(splits)))


def _pieces(splits: Splits) -> Iterator[str]:
    """The same text as of indented JSON that is written at once."""
    for at, split in enumerate(SPLITS):
        yield f'{"," if at else "{"}\n  "{split}": ['
        rows = getattr(splits, split)
        for number, row in enumerate(rows):
            yield f"{',' if number else ''}\n    {_indented(_recorded(row))}"
        yield "\n  ]" if len(rows) else "]"
    yield "\n}\n"


def _indented(value: dict[str, Any]) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False).replace("\n", "\n    ")


def _recorded(row: Row) -> dict[str, str]:
    made = {"made": row.origin.made} if row.origin.made else {}
    return {"origin": str(row.origin), "key": row.key(), **made}
