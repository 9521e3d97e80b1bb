"""Documents in the order of the file: what was there before anything was ranked."""

from __future__ import annotations

from typing import ClassVar

from luthier.evaluation.arms import arms
from luthier.evaluation.arms.contract import Standing
from luthier.evaluation.bench import Bench
from luthier.evaluation.outcome import Outcome


@arms.add
class AsGiven:
    """Worth a look where the rows are the hits of a search, best first. A file that puts the right
    documents first for each query tells the answer; this arm shows that it does."""

    tasks: ClassVar[frozenset[str]] = frozenset({"order"})
    standing: ClassVar[Standing] = "rival"
    words: ClassVar[str] = "the order in which the file has them"

    def missing(self, bench: Bench) -> str:
        lines = [row.origin.line for row in bench.rows]
        return "" if len(set(lines)) == len(lines) else "the rows have no order of their own"

    def outcomes(self, bench: Bench) -> list[Outcome]:
        return [
            Outcome(index, row.target(), str(-row.origin.line))
            for index, row in enumerate(bench.rows)
        ]
