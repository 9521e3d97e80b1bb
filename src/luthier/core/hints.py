"""The nearest known name to a mistyped one."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(name: str, known: Iterable[str], *, cutoff: float = 0.6) -> str | None:
    """The known name most like `name`, or None when nothing is close.

    Args: cutoff: least share of characters in common, from 0 to 1.
    """
    matches = get_close_matches(name.replace("-", "_"), list(known), n=1, cutoff=cutoff)
    return matches[0] if matches else None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A clause to append to a message: "; did you mean 'x'?", or the known names, or nothing."""
    known = sorted(known)
    guess = nearest(name, known)
    if guess is not None:
        return f"; did you mean '{guess}'?"
    return f"; known: {', '.join(known)}" if known else ""
