"""Files whose records are written in several ways: each is read by the format that fits it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from luthier.core.errors import DataError
from luthier.data.formats.contract import Format, Match, Record, Sample, Settling
from luthier.data.recognise import recognise

_MOST_WAYS = 64
"""Sets of columns that are looked at; records of further ones are read as most are."""
_SHOWN = 3


@dataclass(slots=True)
class _Way:
    """A format for some of the records, and where these stand."""

    kind: Format
    match: Match
    chosen: tuple[Format, Match] | None
    """Both, or None where it reads rows of another shape than the main one."""
    count: int = 0
    counted: str = "line"
    lines: list[int] = field(default_factory=list[int])

    @property
    def name(self) -> str:
        return type(self.kind).__module__.rpartition(".")[2]

    def shown(self) -> str:
        """How many there are, and where."""
        more = ", ..." if self.count > len(self.lines) else ""
        word = self.counted if self.count == 1 else f"{self.counted}s"
        return f"{self.count} as {self.name} ({word} {', '.join(map(str, self.lines))}{more})"


class Several:
    """Chooses a format for each record; nearly all have the columns of the first and only pass.

    Args: others: whether another format may be taken for records without these columns.
        counted: what the numbers of records count.
    """

    def __init__(
        self, kind: Format, match: Match, *, file: str, others: bool, counted: str = "line"
    ) -> None:
        self._main = _Way(kind, match, (kind, match), counted=counted)
        self._counted = counted
        self._needed = tuple(match.columns.values()) if others else ()
        self._file = file
        self._ways: dict[frozenset[str], _Way] = {}

    def format_of(self, record: Record, line: int) -> tuple[Format, Match] | None:
        """How to read a record; None where it holds rows of another shape (see `check`)."""
        for column in self._needed:
            if record.get(column) is None:
                way = self._way(record)
                break
        else:
            way = self._main
        way.count += 1
        if way.count <= _SHOWN:
            way.lines.append(line)
        return way.chosen

    def _way(self, record: Record) -> _Way:
        columns = frozenset(name for name, value in record.items() if value is not None)
        if columns not in self._ways:
            if len(self._ways) == _MOST_WAYS:
                return self._main
            self._ways[columns] = self._found(record, columns)
        return self._ways[columns]

    def _found(self, record: Record, columns: frozenset[str]) -> _Way:
        """The way of records with these columns: the main one unless they fit another alone."""
        sample = Sample([name for name in record if name in columns], [record])
        shape = self._main.kind.shape
        for wants in (shape, "auto"):
            found = _recognised(sample, wants, file=self._file)
            if found is None or found[1].weak or isinstance(found[0], Settling):
                continue
            shares = not columns.isdisjoint(self._needed)
            if shares and (wants == shape or not found[0].about.is_exclusive):
                continue  # a row of the main format that lacks something
            if type(found[0]) is type(self._main.kind) and shares:
                continue
            return self._same(*found)
        return self._main

    def _same(self, kind: Format, match: Match) -> _Way:
        """One way for all sets of columns that are read alike."""
        key = _key(kind, match)
        alike = (way for way in self._ways.values() if _key(way.kind, way.match) == key)
        is_same = kind.shape == self._main.kind.shape
        return next(
            alike, _Way(kind, match, (kind, match) if is_same else None, counted=self._counted)
        )

    def _different(self) -> list[_Way]:
        """The main way, then the others, each once."""
        return list({id(way): way for way in [self._main, *self._ways.values()]}.values())

    def told(self) -> list[str]:
        """What is said of records that are not read as most are."""
        others = self._different()[1:]
        return [f"{self._file}: {way.shown()}, as {way.match.why}" for way in others]

    def check(self) -> None:
        """Nothing, where all records are of one shape.

        Raises: DataError: with how many there are of each, where they stand, and how to choose.
        """
        shapes: dict[str, list[_Way]] = {}
        for way in self._different():
            if way.count:
                shapes.setdefault(way.kind.shape, []).append(way)
        if shapes.keys() <= {self._main.kind.shape}:
            return
        each = "; ".join(
            f"{shape} rows: {', '.join(way.shown() for way in ways)}"
            for shape, ways in shapes.items()
        )
        raise DataError(
            f"{self._file}: holds rows of several shapes; one run learns from one. {each}.\n"
            "    Take those of one, and the others are counted: "
            f"data.shape={self._main.kind.shape}; or say how all are to be read, and what does "
            f"not fit is refused: data.format={self._main.name}, or data.columns (--columns)"
        )


def _key(kind: Format, match: Match) -> tuple[type[Format], Mapping[str, str]]:
    return type(kind), dict(match.columns)


def _recognised(sample: Sample, wants: str, *, file: str) -> tuple[Format, Match] | None:
    try:
        return recognise(sample, file=file, wants=wants, format="auto", columns={})
    except DataError:
        return None  # whoever reads most of the file says what is wrong with it
