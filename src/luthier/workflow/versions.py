"""Two versions of a data set, compared row by row."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from luthier.core import files
from luthier.core.errors import DataError
from luthier.data.clean import asked_for, cleaned
from luthier.data.corrections import corrected_splits, read_corrections
from luthier.data.differences import Differences, differences
from luthier.data.formats.contract import Writer
from luthier.data.ledger import Ledger
from luthier.data.load import parse_files
from luthier.data.matching.keyed import Keyed, keyed
from luthier.data.parse import Reading, together
from luthier.data.write import writer_of
from luthier.recipe.schema import DataSection
from luthier.workflow.stages import Listener, Stages, silent

_SHOWN = 5


def compare_files(
    before: DataSection,
    after: DataSection,
    *,
    changes: Path | None = None,
    on_event: Listener = silent,
) -> dict[str, Any]:
    """Counts of rows that came, went and have another target, with the first few of each.

    Args: changes: a file for all of them, as JSON Lines. Of a section only `train` is read.
    Raises: DataError: a file cannot be read, or the two hold rows of different shapes.
    """
    stages = Stages(on_event)
    with stages.stage("reading data"):
        old = _version(before, "auto")
        new = _version(after, old.shape)
    if old.shape != new.shape:
        raise DataError(
            f"{old.read[0]}; {new.read[0]}\n    One holds {old.shape} rows and the other "
            f"{new.shape} rows: nothing can be compared. Say how to read them: data.format"
        )
    with stages.stage("comparing rows"):
        found = differences(old.rows, new.rows)
    if changes is not None:
        files.write_pieces(changes, _lines(found))
    shown: dict[str, list[Any]] = {"changed": [], "removed": [], "added": []}
    for entry in _entries(found, first=_SHOWN):
        shown[entry["what"]].append(entry)
    return {
        "format_version": 1,
        "read": [*old.read, *new.read],
        "rows": {"before": len(old.rows), "after": len(new.rows)},
        "account": {"before": old.account, "after": new.account},
        "same": found.same,
        "changed": len(found.changed),
        "removed": len(found.removed),
        "added": len(found.added),
        "classes": _classes(found),
        "shown": shown,
    }


@dataclass(frozen=True, slots=True)
class _Version:
    rows: Keyed
    shape: str
    read: list[str]
    """What the files were taken for."""
    account: list[str]
    """What was changed and left out, by reason."""


def _version(section: DataSection, wants: str) -> _Version:
    asked = asked_for(section.clean)
    ledger, corrections = Ledger(), read_corrections(section.corrections)
    parsed = parse_files(section.train, Reading.of(section, wants), ledger, setting="")
    read = [line for one in parsed for line in one.description]
    corrected = corrected_splits({"train": parsed}, corrections, ledger, is_whole=False)
    rows = cleaned(together(corrected.parsed["train"]), asked, ledger)
    return _Version(keyed(rows), parsed[0].shape, [*read, *corrected.said], ledger.since({}))


def _classes(found: Differences) -> dict[str, dict[str, int]]:
    """Class -> its rows before and after, where these differ."""
    counts = [
        Counter(row.stratum() for row in table.rows if row.stratum())
        for table in (found.before, found.after)
    ]
    names = sorted(set().union(*counts))
    return {
        name: {"before": counts[0][name], "after": counts[1][name]}
        for name in names
        if counts[0][name] != counts[1][name]
    }


def _entries(found: Differences, *, first: int = 0) -> Iterator[dict[str, Any]]:
    writer: Writer | None = None
    met: Counter[str] = Counter()
    for item in found.walk():
        met[item.what] += 1
        if first and met[item.what] > first:
            continue
        entry: dict[str, Any] = {"what": item.what}
        for name, row in (("before", item.before), ("after", item.after)):
            if row is None:
                continue
            writer = writer or writer_of(row)[1]
            entry[name] = {"place": str(row.origin), "row": writer.record(row)}
            entry[name] |= {"given": row.shown(), "target": row.target()}
        yield entry


def _lines(found: Differences) -> Iterator[bytes]:
    for entry in _entries(found):
        yield (json.dumps(entry, ensure_ascii=False, default=str) + "\n").encode()
