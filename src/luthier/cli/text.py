"""Texts of rows on one line of a terminal."""

from __future__ import annotations


def one_line(text: str, width: int) -> str:
    """The text without line ends, cut to a width."""
    plain = " ".join(text.split())
    return plain if len(plain) <= width else f"{plain[: width - 3]}..."
