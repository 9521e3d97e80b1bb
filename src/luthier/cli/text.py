"""Words for a terminal, which no text of a row can drive."""

from __future__ import annotations

import sys

from luthier.run.painting import safe


def one_line(text: str, width: int) -> str:
    """The text without line ends and control characters, cut to a width."""
    plain = safe(" ".join(text.split()))
    return plain if len(plain) <= width else f"{plain[: width - 3]}..."


def write(text: str) -> None:
    """A line on standard output."""
    sys.stdout.write(f"{safe(text)}\n")


def tell(text: str) -> None:
    """A line on standard error."""
    sys.stderr.write(f"{safe(text)}\n")
    sys.stderr.flush()
