"""Of a file that holds rows of several shapes, those of one: the others are counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from luthier.core.errors import DataError
from luthier.core.hints import did_you_mean
from luthier.data.account import Account
from luthier.data.formats import formats
from luthier.data.formats.contract import Sample, Shape
from luthier.data.kept import HIDDEN
from luthier.data.recognise import recognise
from luthier.data.rows import Origin
from luthier.data.sources.contract import Record

_MOST_KNOWN = 4096
"""Sets of columns whose shape is remembered."""


def only(
    records: Iterator[tuple[int, Record]],
    shape: Shape,
    *,
    file: str,
    columns: Mapping[str, str],
    to: Account,
    counted: str,
) -> Iterator[tuple[int, Record]]:
    """The records that would be read as rows of this shape, had each a file of its own; the others
    are left out.

    Args: columns: canonical column -> name in the file, as the recipe says. to: is told of the
        others. counted: what the numbers of records count.
    Raises: DataError: there is no such shape; or no such row, with what there is instead.
    """
    _check_known(shape)
    found: dict[frozenset[str], Shape] = {}
    counts = Counter[Shape]()
    for line, record in records:
        names = frozenset(
            key for key, value in record.items() if value is not None and key[:1] != HIDDEN
        )
        if names not in found:
            if len(found) == _MOST_KNOWN:
                found.clear()
            found[names] = _shape_of(record, names, file=file, columns=columns)
        own = found[names]
        counts[own] += 1
        if own == shape:
            yield line, record
            continue
        to.ledger.read()
        why = f"{own} row, not {shape}" if own else "row of no known shape"
        to.leave_out(why, Origin(file, line, counted=counted))
    if counts and not counts[shape]:
        there = ", ".join(f"{number} {name or 'unknown'}" for name, number in counts.most_common())
        raise DataError(
            f"{file}: no row has the shape '{shape}' (data.shape); by shape there are: {there}.\n"
            "    Name one of these, or leave data.shape out"
        )


def _check_known(shape: Shape) -> None:
    known = {kind.shape for _, kind in formats.items()}
    if shape not in known:
        hint = did_you_mean(shape, known) or f"; there are: {', '.join(sorted(known))}"
        raise DataError(f"data.shape: '{shape}' is no shape of rows{hint}")


def _shape_of(
    record: Record, names: frozenset[str], *, file: str, columns: Mapping[str, str]
) -> Shape:
    """What a record is alone; "" where no format reads it."""
    sample = Sample([name for name in record if name in names], [record])
    own = {canonical: name for canonical, name in columns.items() if name in names}
    try:
        return recognise(sample, file=file, wants="auto", format="auto", columns=own)[0].shape
    except DataError:
        return ""  # counted as a row of no known shape
