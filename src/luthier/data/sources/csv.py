"""Delimited text: comma, tab, semicolon or bar; quoting and header found by looking."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import islice
from typing import ClassVar, TextIO

from luthier.core.errors import DataError
from luthier.data.columns import canonical
from luthier.data.content import LONGEST_LINE, Content, too_long
from luthier.data.headings import known
from luthier.data.sources import sources
from luthier.data.sources._cells import trimmed
from luthier.data.sources._headings import is_header, names_in, numbered
from luthier.data.sources._syntax import first_lines, is_lines, unify_newlines
from luthier.data.sources.contract import EXTRA, MISSING, Record
from luthier.data.widths import MOST_COLUMNS, too_wide

_DELIMITERS = {",": "comma", "\t": "tab", ";": "semicolon", "|": "bar"}
_HEAD_RECORDS = 200
"""As many as a spreadsheet has."""
_MANY = 0.1
_SAID = re.compile(r"\ufeff?(\"?)sep=([^\w\"\r\n])\1[;,\t ]*(?:\r\n|\r|\n)")
"""A first line that says the delimiter, as spreadsheets write and read it."""


@sources.add
class Delimited:
    """Records keep the line on which they begin, also where quoted texts hold line ends."""

    suffixes: ClassVar[frozenset[str]] = frozenset({"csv", "tsv", "tab"})
    binary: ClassVar[bool] = False
    parts: ClassVar[str] = ""
    is_sure: ClassVar[bool] = False
    missing: ClassVar[frozenset[str]] = MISSING

    def accepts(self, content: Content) -> bool:
        if content.suffix in self.suffixes:
            return not (content.text.lstrip()[:1] == "{" and is_lines(content.text))
        is_said = _SAID.match(content.text) is not None
        return is_said or _known_header(content.text) or _tabbed(content.text)

    def read(self, content: Content) -> tuple[Iterator[tuple[int, Record]], str]:
        csv.field_size_limit(LONGEST_LINE)
        dialect = _Dialect.of(content)
        head = list(islice(dialect.records(content), _HEAD_RECORDS))
        if not head:
            return iter([]), "delimited text"
        named = is_header([cells for _, cells in head])
        width = Counter(len(trimmed(cells)) for _, cells in head).most_common(1)[0][0]
        if _known_header(dialect.below(content.text)) and dialect.misses([row for _, row in head]):
            raise _several_delimiters(content)
        where = f"{content.name} line {head[0][0]}"
        names = names_in(head[0][1], where=where) if named else numbered(width)
        first = "second" if dialect.is_said else "first"
        how = dialect.words() + (f", {first} line is the header" if named else ", without a header")
        records = dialect.records(content)
        widens = not named and dialect.delimiter == "\t"  # a tab in a text is rare, a comma is not
        return _keyed(records, names, skip_first=named, widens=widens), how


class _Dialect:
    """How one file is delimited and quoted."""

    def __init__(
        self, delimiter: str, *, quoted: bool, escaped: bool = False, is_said: bool = False
    ) -> None:
        """Args: is_said: whether the first line says the delimiter, and is none of the rows."""
        self.delimiter, self.quoted, self.escaped = delimiter, quoted, escaped
        self.is_said = is_said

    @classmethod
    def of(cls, content: Content) -> _Dialect:
        said = _SAID.match(content.text)
        text = _head(content.text[said.end() if said else 0 :])
        mark = said[2] if said else _likeliest(text, content.suffix)
        way = partial(cls, mark, is_said=said is not None)
        ways = [way(quoted=_is_quoted(text, mark))]
        if ways[0].quoted and '\\"' in text:
            ways.append(way(quoted=True, escaped=True))
        if ways[0].quoted and mark == "\t" and not _mostly_quoted(text):
            ways.append(way(quoted=False))  # the odd quotation among plain fields
        return next((way for way in ways if way.reads(text)), ways[0])

    def words(self) -> str:
        how = ", quotes after a backslash are text" if self.escaped else ""
        how = how if self.quoted else ", no quoting"
        mark = _DELIMITERS.get(self.delimiter, f"'{self.delimiter}'")
        return f"{mark}-separated{', as its first line says' if self.is_said else ''}{how}"

    def below(self, text: str) -> str:
        """The text without the line that says the delimiter."""
        return _SAID.sub("", text, count=1) if self.is_said else text

    def reads(self, text: str) -> bool:
        """Whether every quote in whole lines closes."""
        try:
            return any(True for _ in deque(self.split(io.StringIO(text, newline=""), file="?"), 1))
        except DataError:
            return False

    def misses(self, rows: list[list[str]]) -> bool:
        """Whether the header, or many rows, hold other delimiters in their only field."""
        others = _DELIMITERS.keys() - {self.delimiter}
        alone = [len(cells) == 1 and any(mark in cells[0] for mark in others) for cells in rows]
        return alone[0] or sum(alone) > _MANY * len(rows)

    def split(
        self, text: Iterable[str], *, file: str = "", above: int = 0
    ) -> Iterator[tuple[int, list[str]]]:
        """Every record with the line it begins on; blank lines are skipped.

        Args: text: lines with their ends. file: its name, where quotes must close; "" for a piece
            that may end anywhere. above: lines of the file before these.
        Raises: DataError: a quote that is still open at the end of the file, or followed by text.
        """
        reader = csv.reader(
            text,
            delimiter=self.delimiter,
            quoting=csv.QUOTE_MINIMAL if self.quoted else csv.QUOTE_NONE,
            escapechar="\\" if self.escaped else None,
            strict=bool(file),
        )
        line = above + 1
        try:
            for cells in reader:
                if file and len(cells) > MOST_COLUMNS:
                    raise too_wide(file, line, len(cells))
                if cells and any(cell.strip() for cell in cells):
                    yield line, cells
                line = above + reader.line_num + 1
        except csv.Error:
            raise _unclosed(file, line, above + reader.line_num) from None

    def records(self, content: Content) -> Iterator[tuple[int, list[str]]]:
        with content.stream(newline="") as text:
            above = int(self.is_said)
            lines = islice(_bounded(text, content.name), above, None)
            yield from self.split(lines, file=content.name, above=above)


def _bounded(text: TextIO, file: str) -> Iterator[str]:
    """Its lines with their ends. Raises: DataError: one is longer than any row."""
    number = 1
    while line := text.readline(LONGEST_LINE):
        if len(line) == LONGEST_LINE and line[-1] not in "\r\n":
            raise too_long(file, number)
        yield line
        number += 1


def _unclosed(file: str, line: int, until: int) -> DataError:
    # reading on would make one row of all the lines up to the next quote
    seen = f"lines {line} to {until} would be one row" if until > line else "text follows the quote"
    return DataError(
        f"{file} line {line}: a field begins with a quote that is not closed before a delimiter or "
        f"line end ({seen}).\n"
        '    Close it, or write quotes inside a quoted text twice: "she said ""yes"" to it"'
    )


def _several_delimiters(content: Content) -> DataError:
    """For a file whose header is parted by another mark than most of its rows."""
    lines = first_lines(unify_newlines(_head(content.text)), _HEAD_RECORDS)
    counts = {mark: sum(mark in line for line in lines) for mark in _DELIMITERS}
    found = ", ".join(f"{_DELIMITERS[mark]} in {count}" for mark, count in counts.items() if count)
    return DataError(
        f"{content.name}: no one delimiter parts its lines; of the first {len(lines)} there is a "
        f"{found}.\n"
        "    Write it again with one delimiter, and quotes around texts that contain it"
    )


def _likeliest(text: str, suffix: str) -> str:
    """The delimiter that parts most lines into the same number of fields."""
    scores: dict[str, tuple[float, int]] = {}
    for delimiter in _DELIMITERS:
        dialect = _Dialect(delimiter, quoted=_is_quoted(text, delimiter))
        rows = list(islice(dialect.split(io.StringIO(text, newline="")), _HEAD_RECORDS))
        widths = Counter(len(cells) for _, cells in rows if cells)
        width, count = widths.most_common(1)[0] if widths else (1, 0)
        scores[delimiter] = (count / max(1, len(rows)) if width > 1 else 0.0, width)
    return max(scores, key=lambda mark: _preferred(mark, suffix, scores[mark]))


def _preferred(mark: str, suffix: str, score: tuple[float, int]) -> tuple[float, bool, int]:
    # equal consistency: the extension decides, then the plainer mark
    expected = mark == ("\t" if suffix in ("tsv", "tab") else ",")
    return (round(score[0], 1), expected and score[0] > 0, score[1])


def _head(text: str) -> str:
    if len(text) <= 200_000:
        return text
    end = text.rfind("\n", 0, 200_000)
    return text[: end if end > 0 else 200_000]


def _is_quoted(text: str, delimiter: str) -> bool:
    """Whether quotes are quoting, or just characters of the texts.

    They are where fields open and close with one, unless every line has the same number of fields
    without regard to quotes, only few begin with one, and none is doubled: then they are texts
    that happen to begin with a quotation.
    """
    lines = [line for line in unify_newlines(text).split("\n") if line.strip()]
    fields = [field for line in lines for field in line.split(delimiter)]
    opened = sum(field.startswith('"') for field in fields)
    closed = sum(field.endswith('"') for field in fields)
    if not opened or closed < 0.5 * opened:
        return False
    widths = {line.count(delimiter) for line in lines}
    if len(widths) > 1 or widths == {0}:
        return True
    return '""' in text.replace('""' + delimiter, "") or opened >= 0.5 * len(lines)


def _mostly_quoted(text: str) -> bool:
    """Whether most lines have a field that begins with a quote."""
    lines = [line for line in text.splitlines() if line.strip()]
    return sum(line.startswith('"') or '\t"' in line for line in lines) >= 0.5 * len(lines)


def _keyed(
    records: Iterator[tuple[int, list[str]]],
    names: list[str],
    *,
    skip_first: bool,
    widens: bool,
) -> Iterator[tuple[int, Record]]:
    """Args: widens: further fields are columns too, and no sign of a delimiter in a text."""
    for line, cells in islice(records, 1 if skip_first else 0, None):
        record: Record = dict(zip(names, cells))
        extra = trimmed(cells[len(names) :])
        if widens:
            further = zip(numbered(len(cells))[len(names) :], extra)
            record.update(further)
        elif extra:
            record[EXTRA] = extra
        yield line, record


def _known_header(text: str) -> bool:
    lines = first_lines(unify_newlines(text[:20_000]), 1)
    if not lines:
        return False
    names = known()
    for delimiter in _DELIMITERS:
        cells = [canonical(cell.strip('"')) for cell in lines[0].split(delimiter)]
        if len(cells) > 1 and sum(cell in names for cell in cells) >= 2:
            return True
    return False


def _tabbed(text: str) -> bool:
    """Whether every line has the same number of tabs, at least one: a table under another name."""
    lines = first_lines(unify_newlines(text[:200_000]), _HEAD_RECORDS)
    # outer white space is gone from these lines: a last empty field would not be seen, and need not
    return (
        len(lines) > 1
        and len({line.count("\t") for line in lines} | {0}) == 2
        and all("\t" in line for line in lines)
    )
