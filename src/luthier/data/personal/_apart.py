"""Places in a text of which none stands over another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

Span = tuple[int, int]


def apart(spans: Iterable[Span]) -> Iterator[Span]:
    """Those that begin behind the one before. Args: spans: in order of their beginnings."""
    free = 0
    for start, end in spans:
        if start >= free:
            yield start, end
            free = end
