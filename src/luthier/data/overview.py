"""What rows are like as a whole, beside what is wrong with them: for a page and for programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from luthier.core.errors import DataError
from luthier.data.drawn import drawn
from luthier.data.examine import Examined
from luthier.data.languages import is_here, languages
from luthier.data.on_disk import Chosen
from luthier.data.points.embedded import MOST_CHARACTERS, Embedded, text_of
from luthier.data.points.plane import plane
from luthier.data.points.topics import topics
from luthier.data.vocabulary import vocabulary

MOST_ROWS = 50_000
"""Whose words and languages are counted; of more rows so many are drawn."""

_MARKED = ("label_noise", "outliers")
"""Findings whose rows are marked on the map."""


def overview(
    examined: Examined, *, progress: Callable[[str], None] = lambda _: None
) -> dict[str, Any]:
    """Further keys of `check.json`: "vocabulary", "languages" where they can be told, and of rows
    with vectors "vectors" (what they are of), "topics" and "map".

    Args: progress: is told what is looked at now.
    """
    progress("counting words")
    places = drawn(examined.single.content_N, most=MOST_ROWS)
    texts = [text_of(row) for row in Chosen(examined.single.rows, places)]
    found: dict[str, Any] = {"vocabulary": asdict(vocabulary(texts))}
    if is_here():
        try:
            names = (name for name, _ in languages(text[:MOST_CHARACTERS] for text in texts))
            found["languages"] = dict(Counter(names).most_common())
        except DataError as error:  # the check of languages could not look either
            progress(str(error))
    if examined.points is not None:
        found |= _of_points(examined, examined.points, progress)
    return found


def _of_points(
    examined: Examined, points: Embedded, progress: Callable[[str], None]
) -> dict[str, Any]:
    suspicious = {
        finding.name: finding.places for finding in examined.findings if finding.name in _MARKED
    }
    progress("looking for topics")
    told = [asdict(topic) for topic in topics(points)]
    progress("drawing the map")
    return {
        "vectors": {"by": points.by.by, "rows": len(points.rows), "of": points.num_rows},
        "topics": told,
        "map": [asdict(point) for point in plane(points, suspicious)],
    }
