"""Equal texts with different labels, and equal answers of which another one is preferred."""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import ClassVar, Literal

import numpy as np

from luthier.core.config import ComponentConfig
from luthier.data.cleaning import cleaners
from luthier.data.cleaning.contract import Change
from luthier.data.matching.keyed import start_of
from luthier.data.matching.minhash import plainly
from luthier.data.matching.repeated import repeated
from luthier.data.rows import Row

_LABEL = "equal text with another label"
_ORDER = "equal answers, preferred the other way round"


class Config(ComponentConfig):
    """What is done about them."""

    keep: Literal["most", "none"] = "most"
    """Those with the label that most of them have, where one has most; or none of them."""


@cleaners.add
class Contradictions:
    """Compares texts in small letters and with single spaces, and answers to the letter: the same
    one is good in one row and bad in another, or the better and the worse of the same two. Rows
    with many right answers are left alone."""

    Config = Config
    short: ClassVar[str] = "keep"
    rank: ClassVar[int] = 60
    harm: ClassVar[str] = "whatever the model says, one of them calls it wrong"
    weight: ClassVar[float] = 1.0
    stops_from: ClassVar[float] = 0.2
    is_usual: ClassVar[bool] = True

    def __init__(self, config: Config) -> None:
        self._config = config

    def changes(self, rows: Sequence[Row], beside: Sequence[Row]) -> Iterator[Change]:
        """Rows that are outvoted, or all that contradict each other."""
        del beside
        hashes, places = array("Q"), array("q")
        for at, row in enumerate(rows):
            if (contested := row.contested()).strip():
                hashes.append(start_of(plainly(contested)))
                places.append(at)
        groups: dict[int, list[int]] = defaultdict(list)
        for place, number in zip(*repeated(np.array(hashes, np.uint64)), strict=True):
            groups[int(number)].append(places[int(place)])
        targets = {at: rows[at].target() for group in groups.values() for at in group}
        against = dict(chain(*(self._against(group, targets) for group in groups.values())))
        for at in sorted(against):
            other = rows[against[at]]
            found = f"'{targets[at]}' here, '{other.target()}' there"
            has_class = bool(other.stratum() or other.brings())
            yield Change(at, _LABEL if has_class else _ORDER, of=other, found=found)

    def _against(
        self, group: Sequence[int], targets: Mapping[int, str]
    ) -> Iterator[tuple[int, int]]:
        """Of rows with one text those that go, and for each one that it contradicts."""
        votes = Counter(targets[at] for at in group).most_common(2)
        if len(votes) < 2:
            return
        is_most = self._config.keep == "most" and votes[0][1] > votes[1][1]
        kept = votes[0][0] if is_most else None
        first: dict[str, int] = {}
        for at in group:
            first.setdefault(targets[at], at)
        for at in (at for at in group if targets[at] != kept):
            yield at, next(x for name, x in first.items() if name != targets[at])
