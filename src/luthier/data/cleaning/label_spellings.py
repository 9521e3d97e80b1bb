"""Labels that are one label, written differently."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

from pydantic import Field

from luthier.core.config import ComponentConfig
from luthier.data.cleaning import cleaners
from luthier.data.cleaning.contract import Change
from luthier.data.rows import Row


class Config(ComponentConfig):
    """Which names are one."""

    names: dict[str, str] = Field(default_factory=dict[str, str])
    """A spelling -> the name it gets, such as {REFUNDS: refund}."""
    alike: bool = True
    """Names that differ in capitals, white space, dashes and underscores, or a last "s" get the
    spelling that most rows have."""


@cleaners.add
class LabelSpellings:
    """Renames labels, also those of entities and of rows with several."""

    Config = Config
    short: ClassVar[str] = ""
    rank: ClassVar[int] = 40
    harm: ClassVar[str] = "one class is two, and each is wrong half of the time"
    weight: ClassVar[float] = 1.0
    stops_from: ClassVar[float] = math.inf
    is_usual: ClassVar[bool] = False

    def __init__(self, config: Config) -> None:
        self._config = config

    def changes(self, rows: Sequence[Row], beside: Sequence[Row]) -> Iterator[Change]:
        """Rows with a label that gets another name."""
        used = Counter(name for row in (*beside, *rows) for name in _names(row))
        names = {**(one_of(used) if self._config.alike else {}), **self._config.names}
        for at, row in enumerate(rows):
            strange = [name for name in _names(row) if names.get(name, name) != name]
            if strange:
                said = ", ".join(f"'{name}' is '{names[name]}'" for name in strange)
                yield Change(at, f"label {said}", row.relabelled(names), found=said)


def one_of(used: Mapping[str, int]) -> dict[str, str]:
    """Every spelling that is not the most frequent of its kind -> that one."""
    kinds: dict[str, list[str]] = defaultdict(list)
    for name in used:
        kinds[_kind(name)].append(name)
    found: dict[str, str] = {}
    for spellings in kinds.values():
        best = max(sorted(spellings), key=lambda name: used[name])
        found |= {name: best for name in spellings if name != best}
    return found


def _kind(name: str) -> str:
    plain = re.sub(r"[\s_-]+", "", name.casefold())
    is_plural = len(plain) > 3 and plain.endswith("s") and not plain.endswith("ss")
    return plain[:-1] if is_plural else plain


def _names(row: Row) -> tuple[str, ...]:
    return tuple(name for name in dict.fromkeys((row.stratum(), *row.brings())) if name)
