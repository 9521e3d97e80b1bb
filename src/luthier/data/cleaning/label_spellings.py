"""Labels that are one label, written differently."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Annotated, ClassVar

from pydantic import Field, StringConstraints

from luthier.core.config import ComponentConfig
from luthier.core.errors import DataError
from luthier.core.hints import did_you_mean
from luthier.data.cleaning import cleaners
from luthier.data.cleaning.contract import Change, Cleaner
from luthier.data.rows import Row

_BETWEEN = re.compile(r"(?<=.)[\s_\-\u00ad\u2010-\u2015\u2212\ufe58\ufe63\uff0d]+(?=.)", re.DOTALL)
"""White space, underscores, and hyphens and dashes of all widths; not at the beginning and the end,
as "-1" is not "1", and "A-" is not "A"."""
_Name = Annotated[str, StringConstraints(pattern=r"\S")]


class Config(ComponentConfig):
    """Which names are one."""

    names: dict[str, _Name] = Field(default_factory=dict[str, _Name])
    """A spelling -> the name it gets, such as {REFUNDS: refund}; with `alike` for all spellings
    that are alike."""
    alike: bool = True
    """Names that differ in capitals, white space, dashes and underscores, or a last "s" get the
    spelling that most rows have."""


@cleaners.add
class LabelSpellings:
    """Renames labels, also those of entities and of rows with several. Letters and their marks are
    compared as one character, however they are written."""

    Config = Config
    short: ClassVar[str] = ""
    rank: ClassVar[int] = 40
    harm: ClassVar[str] = "one class is two, and each is wrong half of the time"
    weight: ClassVar[float] = 1.0
    stops_from: ClassVar[float] = math.inf
    is_usual: ClassVar[bool] = False

    def __init__(self, config: Config, used: Mapping[str, int] | None = None) -> None:
        self._config = config
        self._used = used

    def knowing(self, rows: Iterable[Row], learned: Collection[str] | None = None) -> Cleaner:
        used = Counter(name for row in rows for name in _names(row))
        if learned is None:
            self._check(used)
            return type(self)(self._config, used)
        most = used.total() + 1  # what a model has learned is the spelling to have
        return type(self)(self._config, {**used, **dict.fromkeys(learned, most)})

    def changes(self, rows: Sequence[Row], beside: Sequence[Row]) -> Iterator[Change]:
        """Rows with a label that gets another name."""
        used = self._used
        if used is None:
            used = Counter(name for row in (*beside, *rows) for name in _names(row))
        names = self._renamed(used)
        for at, row in enumerate(rows):
            strange = [name for name in _names(row) if names.get(name, name) != name]
            new = row.relabelled(names) if strange else row
            if new != row:
                said = ", ".join(f"'{_shown(name)}' is '{_shown(names[name])}'" for name in strange)
                yield Change(at, f"label {said}", new, found=said)

    def _renamed(self, used: Mapping[str, int]) -> dict[str, str]:
        """Each name -> the one it gets: as the recipe says of it, or of one that is alike; spelled
        as the recipe spells it; else as most rows do."""
        named = {_composed(name): new for name, new in self._config.names.items()}
        if not self._config.alike:
            return {name: named.get(_composed(name), name) for name in used}
        kinds = {_kind(name): new for name, new in self._config.names.items()}
        meant = {_kind(new): new for new in self._config.names.values()}
        most = one_of(used)
        return {
            name: named.get(_composed(name))
            or kinds.get(_kind(name))
            or meant.get(_kind(name))
            or most.get(name, name)
            for name in used
        }

    def _check(self, used: Collection[str]) -> None:
        """Nothing, where every name that is to be changed is one.

        Raises: DataError: no row has it.
        """
        like = _kind if self._config.alike else _composed
        known = {like(name) for name in used}
        unknown = [name for name in self._config.names if like(name) not in known]
        if unknown:
            hint = did_you_mean(unknown[0], used) or "; rows have none"
            raise DataError(
                f"data.clean.label_spellings.names: no row has the label '{unknown[0]}'{hint}\n"
                "    Write it as the rows do, or leave it out"
            )


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
    plain = _BETWEEN.sub("", _composed(_composed(name.strip()).casefold()))
    is_plural = len(plain) > 3 and plain.endswith("s") and not plain.endswith("ss")
    return plain[:-1] if is_plural else plain


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _shown(name: str) -> str:
    """The name, or its escapes where it looks like another one."""
    return name if name.isprintable() and name == _composed(name) else ascii(name)[1:-1]


def _names(row: Row) -> tuple[str, ...]:
    return tuple(name for name in dict.fromkeys((row.stratum(), *row.brings())) if name)
