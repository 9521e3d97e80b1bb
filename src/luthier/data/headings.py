"""Names of columns that any row format knows: a first line made of these is a header."""

from __future__ import annotations

from luthier.data.columns import KNOWN
from luthier.data.formats import formats


def known() -> frozenset[str]:
    """Those that several formats share, and those that one format declares for itself."""
    return KNOWN.union(*(kind.about.names for _, kind in formats.items()))
