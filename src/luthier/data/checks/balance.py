"""Classes with hardly any rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from luthier.data.checks import checks
from luthier.data.checks.contract import Finding
from luthier.data.rows import Row

FEW = 10
"""Rows of a class that give one to validation and one to the test."""


@checks.add
class Balance:
    """Names the classes that have too few rows to be tested."""

    def look(self, rows: Sequence[Row]) -> Iterator[Finding]:
        """Rows of classes with fewer than ten."""
        used = Counter(name for row in rows for name in _names(row))
        if len(used) < 2 or min(used.values()) >= FEW:
            return
        found = Finding(
            "balance",
            f"labels with fewer than {FEW} rows",
            "too few to learn the label from, and none or one of them is tested",
            "add rows of them, join labels (data.clean.label_spellings.names), or leave them out",
            0.3,
        )
        for row in rows:
            rare = [f"'{name}' ({used[name]})" for name in _names(row) if used[name] < FEW]
            if rare:
                found.add(row, ", ".join(rare))
        yield found


def _names(row: Row) -> set[str]:
    return {row.stratum(), *row.brings()} - {""}
