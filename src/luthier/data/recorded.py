"""What a run recorded of its files, while they are read once more to go on with it."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

_RECORDED: ContextVar[Mapping[str, str] | None] = ContextVar("recorded", default=None)


@contextmanager
def as_recorded(files: Mapping[str, str]) -> Generator[None]:
    """Within it, a file elsewhere that cannot be fetched is read from a copy with these bytes.

    Args: files: name of each file -> SHA-256 of what was read; none: every file is fetched.
    """
    before = _RECORDED.set(files)
    try:
        yield
    finally:
        _RECORDED.reset(before)


def recorded_below(name: str) -> dict[str, str]:
    """What was recorded of a file, of its parts, or of those in an archive; none: nothing."""
    recorded = _RECORDED.get() or {}
    return {
        known: digest
        for known, digest in recorded.items()
        if known == name or known.startswith((f"{name}/", f"{name}#"))
    }


def recorded_names() -> list[str]:
    """Every file that was recorded."""
    return list(_RECORDED.get() or {})
