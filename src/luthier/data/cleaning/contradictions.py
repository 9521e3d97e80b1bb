"""Equal texts with different labels."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import ClassVar, Literal

from luthier.core.config import ComponentConfig
from luthier.data.cleaning import cleaners
from luthier.data.cleaning.contract import Change
from luthier.data.minhash import plainly
from luthier.data.rows import Row, name_of


class Config(ComponentConfig):
    """What is done about them."""

    keep: Literal["most", "none"] = "most"
    """Those with the label that most of them have, where one has most; or none of them."""


@cleaners.add
class Contradictions:
    """Compares texts in small letters and with single spaces; rows without classes have many right
    answers, and are left alone."""

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
        groups: dict[str, list[int]] = defaultdict(list)
        targets: list[str] = []
        for at, row in enumerate(rows):
            has_class = bool(row.stratum() or row.brings())
            targets.append(row.target() if has_class else "")
            if has_class and row.given().strip():
                groups[name_of(plainly(row.given()))].append(at)
        against: dict[int, int] = {}
        for places in groups.values():
            votes = Counter(targets[at] for at in places).most_common(2)
            if len(votes) > 1:
                is_most = self._config.keep == "most" and votes[0][1] > votes[1][1]
                kept = votes[0][0] if is_most else None
                first: dict[str, int] = {}
                for at in places:
                    first.setdefault(targets[at], at)
                for at in (at for at in places if targets[at] != kept):
                    against[at] = next(x for name, x in first.items() if name != targets[at])
        for at in sorted(against):
            other = rows[against[at]]
            found = f"'{targets[at]}' here, '{other.target()}' there"
            yield Change(at, "equal text with another label", of=other, found=found)
