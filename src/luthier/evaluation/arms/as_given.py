"""Documents in the order of the file: what was there before anything was ranked."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from luthier.data.rows import Ranked
from luthier.evaluation.arms import arms
from luthier.evaluation.arms.contract import Standing
from luthier.evaluation.bench import Bench
from luthier.evaluation.outcome import Outcome
from luthier.evaluation.tasks.order import ordered


@arms.add
class AsGiven:
    """Worth a look where the rows are the hits of a search, best first. A file that puts the right
    documents first for each query tells the answer; this arm shows that it does."""

    tasks: ClassVar[frozenset[str]] = frozenset({"order"})
    standing: ClassVar[Standing] = "rival"
    words: ClassVar[str] = "the order in which the file has them"

    def missing(self, bench: Bench) -> str:
        rows = [row for row in bench.rows if isinstance(row, Ranked)]
        lines = [row.origin.line for row in rows]
        has_order = len(set(lines)) == len(lines) and all(row.has_order for row in rows)
        return "" if has_order else "the documents have no order of their own"

    def outcomes(self, bench: Bench) -> list[Outcome]:
        rows = [row for row in bench.rows if isinstance(row, Ranked)]
        places = [(row.origin.line, place) for row in rows for place in range(len(row.documents))]
        order = {at: number for number, at in enumerate(sorted(places))}
        return ordered(rows, np.array([-float(order[at]) for at in places]), seconds=0.0)
