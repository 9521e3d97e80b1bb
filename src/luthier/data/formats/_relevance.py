"""How relevant a document is to a query, and what columns of both are called."""

from __future__ import annotations

from typing import Any

from luthier.core.errors import DataError
from luthier.data.formats._numbers import number_of

QUERY = ("query", "question", "search_query", "q")
SCORE = ("score", "relevance", "relevant", "is_relevant", "label", "grade", "qrel", "target")


def relevance_of(value: Any, *, where: str) -> float:
    """A finite number from 0; true is 1.

    Raises: DataError: something else, or below 0. Unusable: there is none, or it is not finite.
    """
    score = number_of(value, where=where)
    if score < 0:
        raise DataError(
            f"{where}: got {score:g}, expected 0 (not relevant) or more.\n"
            "    Shift the grades so that 0 means not relevant"
        )
    return score
