"""Changes to the texts of rows, one row after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from luthier.data.cleaning.contract import Change
from luthier.data.edits import Edit, Find
from luthier.data.rows import Row


def rewritten(rows: Sequence[Row], find: Find, why: str) -> Iterator[Change]:
    """A change for every row in which something is found.

    A row of which nothing is left to learn is left out.
    """
    for at, row in enumerate(rows):
        seen: list[str] = []

        def noted(text: str, seen: list[str] = seen) -> Iterator[Edit]:
            for edit in find(text):
                if text[edit.start : edit.end] != edit.text:
                    seen.append(text[edit.start : edit.end])
                    yield edit

        new = row.rewritten(noted)
        if not seen:
            continue
        if _is_bare(new) and not _is_bare(row):
            yield Change(at, f"{why}, and nothing besides", found=_readable(seen[0]))
        else:
            yield Change(at, why, new, found=_readable(seen[0]))


def _is_bare(row: Row) -> bool:
    return not row.given().strip() or not row.target().strip()


def _readable(text: str) -> str:
    """The text, or its escapes where people would see nothing."""
    return text if text.isprintable() and text.strip() else ascii(text)
