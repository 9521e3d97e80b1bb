"""The same answer to many different prompts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from luthier.data.checks import checks
from luthier.data.checks.contract import Finding
from luthier.data.rows import Row, name_of

LEAST_ROWS = 5
"""With one target, and as many different inputs."""
_LEAST_WORDS = 4
"""Of a target: "yes", a number or a name may well be right many times."""
_MOST_NAMED = 3
_WIDTH = 60


@checks.add
class RepeatedTargets:
    """Names written targets that come again under at least five different inputs."""

    def look(self, rows: Sequence[Row]) -> Iterator[Finding]:
        """One finding with all such rows, those of the most frequent target first."""
        hash_N = np.array([_hash(row) for row in rows], np.int64)
        groups = [places for places in _groups(hash_N) if _is_various(rows, places)]
        if not groups:
            return
        named = ", ".join(
            f"{_short(rows[int(places[0])].target())!r} ({len(places):,} rows)"
            for places in groups[:_MOST_NAMED]
        )
        finding = Finding(
            "repeated_targets",
            f"the same answer to different prompts: {named}",
            "the model learns to say it whatever it is asked",
            "look at them: answers such as refusals or thanks may be meant, placeholders are not",
            0.1,
            is_certain=False,
        )
        for places in groups:
            for at in places:
                row = rows[int(at)]
                finding.add(row, row.target()[:200])
        yield finding


def _groups(hash_N: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Places of equal targets, the most frequent first, of equally many the earlier."""
    order = np.argsort(hash_N, kind="stable")
    cuts = np.flatnonzero(np.diff(hash_N[order])) + 1
    found = [
        places
        for places in np.split(order, cuts)
        if len(places) >= LEAST_ROWS and hash_N[places[0]]
    ]
    return sorted(found, key=lambda places: (-len(places), int(places[0])))


def _is_various(rows: Sequence[Row], places: NDArray[np.int64]) -> bool:
    return len({rows[int(at)].given() for at in places}) >= LEAST_ROWS


def _hash(row: Row) -> int:
    """Of a written target of some words; 0 where there is none."""
    target = "" if row.stratum() or row.brings() else " ".join(row.target().lower().split())
    return int(name_of(target), 16) >> 1 if target.count(" ") >= _LEAST_WORDS - 1 else 0


def _short(text: str) -> str:
    plain = " ".join(text.split())
    return plain if len(plain) <= _WIDTH else f"{plain[: _WIDTH - 3]}..."
