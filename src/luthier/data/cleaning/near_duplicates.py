"""Rows that almost repeat an earlier one, or one that is held out."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import ClassVar, Literal

from pydantic import Field

from luthier.core.config import ComponentConfig
from luthier.data.cleaning import cleaners
from luthier.data.cleaning.contract import Change
from luthier.data.matching.similar import similar
from luthier.data.on_disk import OnDisk
from luthier.data.rows import Row


class Config(ComponentConfig):
    """When two rows are near-duplicates."""

    threshold: float = Field(0.8, gt=0, le=1)
    """Jaccard similarity of their inputs, and of their targets, by pieces of five characters."""
    scope: Literal["all", "within", "across"] = "all"
    """Where they are looked for: among the rows (within), against validation and test rows from
    files of their own (across), or both."""


@cleaners.add
class NearDuplicates:
    """Leaves out each row that is similar to one that stays.

    Source: as `data.similar`. Lee et al. 2022, arXiv:2107.06499: without them a model learns
    the same from fewer steps, and writes less by heart.
    """

    Config = Config
    short: ClassVar[str] = "threshold"
    rank: ClassVar[int] = 70
    harm: ClassVar[str] = "they count many times over, and in a test they are answered by heart"
    weight: ClassVar[float] = 0.3
    stops_from: ClassVar[float] = math.inf
    is_usual: ClassVar[bool] = True

    def __init__(self, config: Config) -> None:
        self._config = config

    def changes(self, rows: Sequence[Row], beside: Sequence[Row]) -> Iterator[Change]:
        """The later of similar rows."""
        held = beside if self._config.scope != "within" else ()
        is_across = self._config.scope == "across"
        if is_across and not held:
            return
        every = OnDisk(chain(held, rows)) if held else rows
        found = similar(every, self._config.threshold, num_held=len(held), only_across=is_across)
        first_N = found.first_kept(len(every))
        for at in range(len(rows)):
            first = int(first_N[at + len(held)])
            if first < at + len(held):
                of = every[first]
                where = "of a held-out row" if first < len(held) else "of an earlier row"
                kind = "exact duplicate" if of.key() == rows[at].key() else "near-duplicate"
                yield Change(at, f"{kind} {where}", of=of)
