"""Classes called as programs or people write that there is none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from luthier.data.checks import checks
from luthier.data.checks.contract import Finding
from luthier.data.rows import Row
from luthier.data.sources.contract import MISSING

_BY_PEOPLE = frozenset(
    {"n/a", "n.a.", "#n/a", "k.a.", "tbd", "-", "--", "---", "\u2013", "\u2014", "?", "??", "."}
)
"""Without capitals. Words such as "none", "NA", "unknown" and "other" are mostly classes."""


@checks.add
class MissingLabels:
    """Names labels such as "nan" and "None", where the file has texts of its own kind for them, and
    such as "n/a" and "-" in every file."""

    def look(self, rows: Sequence[Row]) -> Iterator[Finding]:
        """Rows with such a label; of tables, in which all cells are texts, those that programs
        write are left out before."""
        used = Counter(name for row in rows for name in _names(row))
        if not used:
            return
        shown = ", ".join(f"'{name}' ({count:,})" for name, count in used.most_common())
        found = Finding(
            "missing_labels",
            f"labels that may be missing ones: {shown}",
            "rows that nobody labelled become a class of their own",
            "write null where there is no label, or leave the rows out; if it is a class, it is "
            "read as one",
            0.5,
            is_certain=False,
        )
        for row in rows:
            if names := _names(row):
                found.add(row, ", ".join(sorted(names)))
        yield found


def _names(row: Row) -> set[str]:
    names = {row.stratum(), *row.brings()}
    return {name for name in names if name in MISSING or name.strip().casefold() in _BY_PEOPLE}
