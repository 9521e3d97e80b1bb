"""Rows in another language than nearly all others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from luthier.data.checks import checks
from luthier.data.checks.contract import Finding, first_only
from luthier.data.languages import SURE, is_here, languages
from luthier.data.points.embedded import MOST_CHARACTERS, text_of
from luthier.data.rows import Row

MOST_ROWS = 100_000
LEAST_ROWS = 20
_FEW = 0.05
"""Of all rows: languages with more rows than this are meant to be there."""


@checks.add
class Languages:
    """Names rows that are surely in a language that few rows are in."""

    def look(self, rows: Sequence[Row]) -> Iterator[Finding]:
        """One finding; nothing where the package that tells languages is not installed."""
        if not is_here() or len(rows) < LEAST_ROWS:
            return
        where, rows = first_only(rows, MOST_ROWS), rows[:MOST_ROWS]
        found = list(languages(text_of(row)[:MOST_CHARACTERS] for row in rows))
        used = Counter(name for name, _ in found)
        usual = {name for name, count in used.items() if count > _FEW * len(rows)}
        if not usual:
            return
        finding = Finding(
            "languages",
            f"rows in another language than {', '.join(sorted(usual))}{where}",
            "what the others teach does not help with them, and a test of few says little of them",
            "look at them: leave out what is not meant to be there",
            0.2,
            is_certain=False,
        )
        for row, (name, probability) in zip(rows, found, strict=True):
            if name not in usual and probability >= SURE:
                finding.add(row, f"{name} ({probability:.0%})")
        if finding.count:
            yield finding
