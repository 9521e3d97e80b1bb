"""What rows are like as a whole, beside what is wrong with them: for a page and for programs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from luthier.data.examine import Examined
from luthier.data.plane import plane
from luthier.data.topics import topics

_MARKED = ("label_noise", "outliers")
"""Findings whose rows are marked on the map."""


def overview(
    examined: Examined, *, progress: Callable[[str], None] = lambda _: None
) -> dict[str, Any]:
    """Further keys of `check.json`: "vectors" (what they are of), "topics" and "map".

    Args: progress: is told what is looked at now.
    """
    points = examined.points
    if points is None:
        return {}
    suspicious = {
        finding.name: finding.places for finding in examined.findings if finding.name in _MARKED
    }
    progress("looking for topics")
    found = [asdict(topic) for topic in topics(points)]
    progress("drawing the map")
    return {
        "vectors": {"by": points.by.by, "rows": len(points.rows), "of": points.num_rows},
        "topics": found,
        "map": [asdict(point) for point in plane(points, suspicious)],
    }
