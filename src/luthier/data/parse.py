"""Records of one file to rows: every record is used, or dropped with a reason."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, islice

from luthier.core.config import Auto
from luthier.core.errors import DataError
from luthier.core.hints import did_you_mean
from luthier.data.account import Account
from luthier.data.chunks import cutter_for, grouped
from luthier.data.find import find_one
from luthier.data.formats.contract import (
    Context,
    Sample,
    Settling,
    Shape,
    Unusable,
)
from luthier.data.kept import HIDDEN, Keeps, Kept
from luthier.data.ledger import Ledger
from luthier.data.on_disk import OnDisk
from luthier.data.opened import Opened
from luthier.data.recognise import recognise
from luthier.data.rows import Origin, PartOrigin, Row
from luthier.data.several import Several
from luthier.data.shaped import only
from luthier.data.sources.contract import ASIDE, EXTRA, Aside, Record
from luthier.data.times import time_of
from luthier.data.unread import unread_texts
from luthier.data.widths import narrow
from luthier.recipe.data_section import DataSection, Reasoning

_SAMPLE_RECORDS = 100
_MANY_EXTRA = 0.1
_SHOWN_ERRORS = 3


@dataclass(frozen=True, slots=True)
class Reading:
    """How files are to be read."""

    wants: str = "auto"
    shape: str = "auto"
    """Rows of other shapes are left out; "auto": they are refused."""
    format: str = "auto"
    columns: Mapping[str, str] = field(default_factory=dict[str, str])
    roles: Mapping[str, str] = field(default_factory=dict[str, str])
    encoding: str = "auto"
    group_by: str = ""
    time_by: str = ""
    answered: bool = True
    """Targets must be there; False for rows to be predicted."""
    reasoning: Reasoning = "keep"
    keeps_others: Keeps = "none"
    """Which columns that rows do not hold are kept beside them (`Parsed.others`)."""
    chunk: int | Auto = 0
    """Most characters of a piece of running text; 0: it stays whole, "auto": documents do not."""
    chunk_overlap: int = 0

    @classmethod
    def of(
        cls,
        section: DataSection,
        wants: str,
        *,
        answered: bool = True,
        keeps_others: Keeps = "none",
    ) -> Reading:
        """As the recipe says. Rows to be predicted are not split, so they have no groups."""
        return cls(
            wants,
            section.shape if answered else "auto",
            section.format,
            section.columns,
            section.roles,
            section.encoding,
            section.group_by if answered else "",
            section.time_by if answered else "",
            answered,
            section.reasoning,
            keeps_others,
            section.chunk if answered else 0,
            section.chunk_overlap,
        )


@dataclass(frozen=True, slots=True)
class Parsed:
    """What one file held."""

    name: str
    sha256: str
    shape: Shape
    format: str
    rows: Sequence[Row]
    description: list[str]
    others: Kept = field(default_factory=Kept)
    """For each row the columns that it does not hold; empty where they are not kept."""
    documents: int = 0
    """From how many documents the rows were cut; 0: they were not."""
    weight: float = 1.0
    """How often its rows are taken, where they train."""


def together(files: Sequence[Parsed]) -> Sequence[Row]:
    """The rows of all files, one after the other."""
    if len(files) == 1:
        return files[0].rows
    return OnDisk(row for one in files for row in one.rows)


def parse_file(name: str, reading: Reading, ledger: Ledger) -> Parsed:
    """The rows of the one file that a name stands for.

    Raises: DataError: as `find_one` and `parse`.
    """
    return parse(find_one(name, encoding=reading.encoding), reading, ledger)


def parse(opened: Opened, reading: Reading, ledger: Ledger) -> Parsed:
    """The rows of a file that is open, or of records from elsewhere; those dropped are in `ledger`.

    Raises: DataError: the file, its columns or some of its rows are not what they should be; up to
        three rows are shown, and the rest counted.
    """
    name = opened.name
    counted, account = opened.counted, Account(ledger)
    incoming = narrow(opened.records, file=name, counted=counted)
    if reading.shape != "auto":
        incoming = only(
            incoming, reading.shape, file=name, columns=reading.columns, to=account, counted=counted
        )
    head = list(islice(incoming, _SAMPLE_RECORDS))
    if not head:
        raise DataError(
            f"{name}: no rows in it ({opened.notes[0]}).\n"
            "    Write it again with its rows, or name another file"
        )
    sample = _sample([record for _, record in head], answered=reading.answered)
    kind, match = recognise(
        sample, file=name, wants=reading.wants, format=reading.format, columns=reading.columns
    )
    for setting, column in (("group_by", reading.group_by), ("time_by", reading.time_by)):
        _check_there(column, setting, sample, file=name)
    records = chain(head, incoming)
    if isinstance(kind, Settling) and reading.answered:
        whole = OnDisk(records)
        try:
            match = kind.settled(match, whole)
        except DataError as error:
            raise DataError(f"{name}, {error}") from None
        records = iter(whole)
    cutter = cutter_for(opened, kind.shape, reading.chunk, reading.chunk_overlap)
    if cutter:
        records = cutter.cut(records, match.columns.get("text", "text"))
    is_open = reading.format == "auto" and reading.answered and not reading.columns
    several = Several(kind, match, file=name, others=is_open, counted=counted)
    rows, others = _rows(opened, records, several, reading, account)
    format_name = type(kind).__module__.rpartition(".")[2]
    used = (reading.group_by, reading.time_by)
    unread = unread_texts(kind, match, sample, used=used) if reading.answered else ""
    description = [
        f"{name}: {', '.join(opened.notes)}",
        f"{name}: {format_name}, as {match.why}{unread}",
    ]
    description += [*account.told(), *several.told()]
    if cutter and cutter.documents:
        description.append(f"{name}: {cutter.told()}")
    documents = cutter.documents if cutter else 0
    return Parsed(
        name, opened.sha256, kind.shape, format_name, rows, description, others, documents
    )


def _sample(records: list[Record], *, answered: bool) -> Sample:
    columns = dict.fromkeys(key for record in records for key in record if key[:1] != HIDDEN)
    return Sample(list(columns), records, answered)


def _check_there(column: str, setting: str, sample: Sample, *, file: str) -> None:
    if column and column not in sample.columns:
        hint = did_you_mean(column, sample.columns)
        raise DataError(f"{file}: column '{column}' (data.{setting}) is not there{hint}")


def _timed(row: Row, record: Record, time_by: str) -> Row:
    """The row with its time, where rows are split by it.

    Raises: DataError: there is none.
    """
    if not time_by:
        return row
    return replace(row, when=time_of(record.get(time_by), where=f"{row.origin}, {time_by}"))


def _rows(
    opened: Opened,
    records: Iterator[tuple[int, Record]],
    several: Several,
    reading: Reading,
    account: Account,
) -> tuple[Sequence[Row], Kept]:
    rows, others = OnDisk[Row](), Kept(reading.keeps_others)
    errors: list[str] = []
    num_extra = num_met = 0
    for line, record in records:
        num_met += 1
        account.ledger.read()
        aside: Aside | None = record.get(ASIDE)
        origin = _origin(opened, line, aside)
        why = "more fields than columns" if EXTRA in record else aside.unread if aside else ""
        if why:
            num_extra += EXTRA in record
            account.leave_out(why, origin)
            continue
        found = several.format_of(record, line)
        if found is None:
            continue
        kind, match = found
        record = others.watched(record)
        context = Context(
            origin, match, reading.roles, reading.group_by, reading.answered, reading.reasoning,
            missing=opened.missing, folder=opened.folder,
        )  # fmt: skip
        try:
            row = _timed(kind.parse(record, context), record, reading.time_by)
            rows.append(grouped(row, aside.document) if aside and not row.group else row)
        except Unusable as reason:
            account.leave_out(str(reason), origin)
        except DataError as error:
            errors.append(str(error))
        except RecursionError:
            errors.append(f"{origin}: lists or objects are nested too deep")
        else:
            beside = (reading.group_by, reading.time_by, *match.how.values())
            others.append(origin, record, match.read(), beside=beside)
            for remark in context.remarks:
                account.shorten(remark, origin)
    several.check()
    if errors:
        raise _errors(errors)
    if num_extra > max(1, _MANY_EXTRA * num_met):
        raise DataError(
            f"{opened.name}: {num_extra} of {num_met} rows have more fields than there are columns "
            f"({opened.notes[0]}).\n    Put quotes around texts that contain the delimiter"
        )
    return rows, others


def _origin(opened: Opened, line: int, aside: Aside | None) -> Origin:
    """Where a record stands, or a document, or a part of it."""
    counted = opened.counted
    if not aside:
        return Origin(opened.name, line, counted=counted)
    file, line = aside.file or opened.name, 1 if aside.file else line
    if aside.part:
        return PartOrigin(file, line, aside.part, counted=counted)
    return Origin(file, line, counted=counted)


def _errors(errors: list[str]) -> DataError:
    if len(errors) <= _SHOWN_ERRORS:
        return DataError("\n".join(errors))
    more = f"and {len(errors) - _SHOWN_ERRORS} more rows with such problems"
    return DataError("\n".join([*errors[:_SHOWN_ERRORS], more]))


def weights_of(files: Sequence[Parsed]) -> dict[str, float]:
    """The weight of every file that rows say they are from; without those that weigh 1."""
    heavy = [one for one in files if one.weight != 1]
    return {row.origin.file: one.weight for one in heavy for row in one.rows}
