"""Delimited text: comma, tab, semicolon or bar; quoting and header found by looking."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import ClassVar

from luthier.core.errors import DataError
from luthier.data.columns import canonical
from luthier.data.headings import known
from luthier.data.sources import sources
from luthier.data.sources._syntax import first_lines, is_lines, unify_newlines
from luthier.data.sources.contract import EXTRA, Content, Record

_DELIMITERS = {",": "comma", "\t": "tab", ";": "semicolon", "|": "bar"}
_HEAD_RECORDS = 200
_MAX_FIELD = 2**31 - 1
_LONGEST_HEADING = 40


@sources.add
class Delimited:
    """Records keep the line on which they begin, also where quoted texts hold line ends."""

    suffixes: ClassVar[frozenset[str]] = frozenset({"csv", "tsv", "tab"})
    binary: ClassVar[bool] = False
    is_sure: ClassVar[bool] = False

    def accepts(self, content: Content) -> bool:
        if content.suffix in self.suffixes:
            return not (content.text.lstrip()[:1] == "{" and is_lines(content.text))
        return _known_header(content.text) or _tabbed(content.text)

    def read(self, content: Content) -> tuple[Iterator[tuple[int, Record]], str]:
        csv.field_size_limit(_MAX_FIELD)
        dialect = _Dialect.of(content)
        head = list(islice(dialect.records(content), _HEAD_RECORDS))
        if not head:
            return iter([]), "delimited text"
        named = _is_header([cells for _, cells in head])
        width = Counter(len(_trimmed(cells)) for _, cells in head).most_common(1)[0][0]
        names = _names(content.name, head[0][1]) if named else _numbered(width)
        how = dialect.words() + (", first line is the header" if named else ", without a header")
        records = dialect.records(content)
        return _keyed(records, names, skip_first=named), how


class _Dialect:
    """How one file is delimited and quoted."""

    def __init__(self, delimiter: str, *, quoted: bool) -> None:
        self.delimiter, self.quoted = delimiter, quoted

    @classmethod
    def of(cls, content: Content) -> _Dialect:
        scores: dict[str, tuple[float, int]] = {}
        text = _head(content.text)
        for delimiter in _DELIMITERS:
            quoted = _is_quoted(text, delimiter)
            rows = list(islice(cls(delimiter, quoted=quoted).split(text), _HEAD_RECORDS))
            widths = Counter(len(cells) for _, cells in rows if cells)
            width, count = widths.most_common(1)[0] if widths else (1, 0)
            scores[delimiter] = (count / max(1, len(rows)) if width > 1 else 0.0, width)
        best = max(scores, key=lambda mark: _preferred(mark, content.suffix, scores[mark]))
        return cls(best, quoted=_is_quoted(text, best))

    def words(self) -> str:
        return f"{_DELIMITERS[self.delimiter]}-separated" + ("" if self.quoted else ", no quoting")

    def split(self, text: str, *, file: str = "") -> Iterator[tuple[int, list[str]]]:
        """Every record with the line it begins on; blank lines are skipped.

        Args: file: its name, where quotes must close; "" for a piece that may end anywhere.
        Raises: DataError: a quote that is still open at the end of the file, or followed by text.
        """
        reader = csv.reader(
            io.StringIO(text, newline=""),
            delimiter=self.delimiter,
            quoting=csv.QUOTE_MINIMAL if self.quoted else csv.QUOTE_NONE,
            strict=bool(file),
        )
        line = 1
        try:
            for cells in reader:
                if cells and any(cell.strip() for cell in cells):
                    yield line, cells
                line = reader.line_num + 1
        except csv.Error:
            raise _unclosed(file, line, reader.line_num) from None

    def records(self, content: Content) -> Iterator[tuple[int, list[str]]]:
        yield from self.split(content.text, file=content.name)


def _unclosed(file: str, line: int, until: int) -> DataError:
    # reading on would make one row of all the lines up to the next quote
    seen = f"lines {line} to {until} would be one row" if until > line else "text follows the quote"
    return DataError(
        f"{file} line {line}: a field begins with a quote that is not closed before a delimiter or "
        f"line end ({seen}).\n"
        '    Close it, or write quotes inside a quoted text twice: "she said ""yes"" to it"'
    )


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


def _is_header(rows: list[list[str]]) -> bool:
    first = [cell.strip() for cell in rows[0]]
    if any(canonical(cell) in known() for cell in first):
        return True
    filled = [cell for cell in first if cell]
    if len(filled) < len(first) or len(set(filled)) < len(filled):
        return False
    if any(_is_number(cell) or len(cell) > _LONGEST_HEADING for cell in filled):
        return False
    columns = [{row[index] for row in rows[1:] if index < len(row)} for index in range(len(first))]
    return not any(cell in column for cell, column in zip(first, columns))


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _names(file: str, cells: list[str]) -> list[str]:
    names = [cell.strip() or f"column_{index}" for index, cell in enumerate(cells, start=1)]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise DataError(
            f"{file} line 1: the header names column '{twice[0]}' more than once.\n"
            "    Rename one of them"
        )
    return names


def _numbered(width: int) -> list[str]:
    return [f"column_{index}" for index in range(1, width + 1)]


def _keyed(
    records: Iterator[tuple[int, list[str]]], names: list[str], *, skip_first: bool
) -> Iterator[tuple[int, Record]]:
    for line, cells in islice(records, 1 if skip_first else 0, None):
        record: Record = dict(zip(names, cells))
        extra = _trimmed(cells[len(names) :])
        if extra:
            record[EXTRA] = extra
        yield line, record


def _trimmed(cells: list[str]) -> list[str]:
    end = len(cells)
    while end and not cells[end - 1].strip():
        end -= 1
    return cells[:end]


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
