"""From the files of a recipe to a sitting in which somebody corrects their rows."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain
from pathlib import Path

import numpy as np

from luthier.data.checks import Doubt
from luthier.data.clean import asked_for
from luthier.data.corrections import Journal, corrected_splits, read_corrections
from luthier.data.doubts import doubts_of
from luthier.data.ledger import Ledger
from luthier.data.load import cleaned_splits, parse_splits
from luthier.data.on_disk import OnDisk
from luthier.data.parse import Parsed
from luthier.data.rows import Origin, Row
from luthier.recipe.schema import DataSection
from luthier.workflow.outputs import check_apart, data_of
from luthier.workflow.sitting import Asked, Sitting
from luthier.workflow.stages import Listener, Stages, silent

USUAL = "corrections.jsonl"


@contextmanager
def open_sitting(
    section: DataSection,
    *,
    file: Path | None = None,
    most: int = 0,
    everything: bool = False,
    on_event: Listener = silent,
) -> Generator[Sitting]:
    """A sitting over the rows that somebody should look at and has not yet.

    Args: file: where decisions go; else the last file that the recipe names, or corrections.jsonl.
        most: rows to be asked at most (0: all). everything: the other rows are asked too, behind.
    Raises: DataError: a file cannot be read, or written. RecipeError: the file is among the data.
    """
    named = [section.corrections] if isinstance(section.corrections, str) else section.corrections
    path = file or Path(named[-1] if named else USUAL)
    check_apart(path, data_of(section), option="--corrections")
    asked_for(section.clean)  # refused before anything is read
    stages = Stages(on_event)
    with Journal(path) as journal:
        stages.note_all(journal.notes, warning=True)
        names = [*(name for name in named if Path(name) != path), str(path)]
        with stages.stage("looking for rows to ask about"):
            corrected = section.model_copy(update={"corrections": names})
            asked = _asked(corrected, stages, everything=everything)
        yield Sitting(replace(asked, queue=asked.queue[: most or None]), journal)


def _asked(section: DataSection, stages: Stages, *, everything: bool) -> Asked:
    ledger, corrections = Ledger(), read_corrections(section.corrections)
    parsed = parse_splits(section, ledger)
    stages.note_all(line for files in parsed.values() for one in files for line in one.description)
    corrected = corrected_splits(parsed, corrections, ledger)
    stages.note_all(corrected.said if corrections.by_key else [])
    stages.note_all(corrected.warnings, warning=True)
    rows = _all(corrected.parsed)
    cleaned = _all(cleaned_splits(corrected.parsed, section, ledger)) if section.clean else rows
    doubts = doubts_of(cleaned, progress=stages.note)
    if section.clean:
        doubts = _placed(doubts, cleaned, rows)
    queue = _queue(doubts, rows, everything=everything)
    labels = Counter(name for row in cleaned for name in _labels(row))
    known = frozenset(name for row in rows for name in _labels(row))
    held = Counter(dict(labels.most_common()))
    return Asked(rows, queue, {doubt.at: doubt for doubt in doubts}, held, known)


def _all(parsed: Mapping[str, Sequence[Parsed]]) -> Sequence[Row]:
    files = [one.rows for held in parsed.values() for one in held]
    return files[0] if len(files) == 1 else OnDisk(chain(*files))


def _labels(row: Row) -> set[str]:
    return {row.stratum(), *row.brings()} - {""}


def _queue(doubts: Sequence[Doubt], rows: Sequence[Row], *, everything: bool) -> list[int]:
    """Places of the rows to be asked; of equal rows the first, and none that was decided."""
    first = np.fromiter((doubt.at for doubt in doubts), np.int64, len(doubts))
    others = np.setdiff1d(np.arange(len(rows)), first) if everything else first[:0]
    keys, found = set[bytes](), list[int]()
    for at in map(int, chain(first, others)):
        key = bytes.fromhex(rows[at].key())
        if key not in keys and not rows[at].is_confirmed:
            keys.add(key)
            found.append(at)
    return found


def _placed(doubts: Sequence[Doubt], cleaned: Sequence[Row], rows: Sequence[Row]) -> list[Doubt]:
    """The doubts of cleaned rows, with the places of these rows before they were cleaned."""
    wanted: dict[Origin, list[int]] = defaultdict(list)
    for doubt in doubts:
        wanted[cleaned[doubt.at].origin]  # as it stood in its file
    for at, row in enumerate(rows):
        if row.origin in wanted:
            wanted[row.origin].append(at)
    found: list[Doubt] = []
    for doubt in doubts:
        row = cleaned[doubt.at]
        places = wanted[row.origin]
        if len(places) > 1:  # several rows of one line
            places = [at for at in places if rows[at].input_key() == row.input_key()]
        found += [replace(doubt, at=places[0])] if places else []
    return found
