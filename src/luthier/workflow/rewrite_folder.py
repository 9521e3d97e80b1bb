"""The folder of rows written anew: a file for each split, every change, and how to train on it."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from luthier.core import files
from luthier.data.formats.contract import Record, Writer
from luthier.data.ledger import Entry
from luthier.data.on_disk import OnDisk
from luthier.data.others import Others
from luthier.data.rows import Row
from luthier.data.write import own_columns, write_rows, writer_of
from luthier.workflow.stages import Stages

LEDGER = "ledger.json"
CHANGES = "changes.jsonl"
"""Every row that was changed, left out or made, with its place in the files that were read."""
MADE = "made"
"""Column of a written row that stands in no file: of which row it was made, and how."""


@dataclass(frozen=True, slots=True)
class Written:
    """Files by the name of their split, and the settings of `data` with which they are read."""

    files: dict[str, Any]
    settings: dict[str, Any]
    renamed: dict[str, str]
    """Other columns of the records that are called something else in the files."""
    has_others: bool
    """Whether these columns are in the files."""

    def taken(self, more: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
        """Further settings of `data` with columns called as in the files, and what is said of one
        whose column is in none."""
        column = more.get("time_by")
        if not column:
            return dict(more), []
        if self.has_others:
            return {**more, "time_by": self.renamed.get(column, column)}, []
        lost = (
            f"data.time_by: column '{column}' is not in what is written, so a training would not "
            f"split it by time. Split the files first: luthier data split, data.time_by={column}"
        )
        return {name: value for name, value in more.items() if name != "time_by"}, [lost]

    def uses(self, output: Path, more: Mapping[str, Any]) -> list[str]:
        """What is typed to train on the files, for each that is called train.

        Args: output: what the folder will be called. more: further settings of `data`.
        """
        found: list[str] = []
        for name in (name for name in self.files if name.endswith("train")):
            prefix = name.removesuffix("train")
            words = [str(output / self.files[name]["file"])]
            for split in ("validation", "test"):
                entry = self.files.get(f"{prefix}{split}") or self.files.get(split)
                words += [f"data.{split}={output / entry['file']}"] if entry else []
            for key, value in {**self.settings, **more}.items():
                plain = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
                words.append(f"data.{key}={plain}")
            found.append(shlex.join(["luthier", "train", *words]))
        return found


def write_splits(
    folder: Path, parts: Mapping[str, Sequence[Row]], others: Others, stages: Stages
) -> Written:
    """The rows of each split that has any, as JSON Lines.

    Raises: DataError: such rows cannot be written. OSError: the disk is full.
    """
    written: dict[str, Any] = {}
    settings: dict[str, Any] = {}
    said: dict[str, None] = {}
    all_renamed: dict[str, str] = {}
    has_others = True
    has_made = any(row.origin.made for rows in parts.values() for row in rows)
    for name, rows in parts.items():
        if not rows:
            continue
        path = folder / f"{name}.jsonl"
        renamed: dict[str, str] = {}
        beside = others.of(rows)
        if has_made:
            beside = _with_made(rows, beside, renamed)
        done = write_rows(path, rows, beside)
        if any(beside) and not done.has_others:
            stages.note(f"{path.name}: other columns left out, as they would be read as more")
            has_others = False
        done = replace(done, renamed={**renamed, **done.renamed})
        said |= dict.fromkeys(done.told())
        settings |= done.settings
        all_renamed |= done.renamed
        written[name] = {"file": f"{name}.jsonl", "rows": len(rows), "sha256": files.sha256(path)}
        written[name] |= {"renamed": done.renamed} if done.renamed else {}
    stages.note_all(said)
    return Written(written, settings, all_renamed, has_others)


def _with_made(
    rows: Sequence[Row], others: Sequence[Record], renamed: dict[str, str]
) -> Sequence[Record]:
    """The other columns, and of rows that were made how."""
    records = iter(others)
    return OnDisk({**own_columns(next(records, {}), {MADE}, renamed), **_made(row)} for row in rows)


def _made(row: Row) -> Record:
    return {MADE: str(row.origin)} if row.origin.made else {}


def write_changes(folder: Path, log: Sequence[Entry]) -> None:
    """A line for every row of which something became. Raises: OSError: the disk is full."""
    files.write_pieces(folder / CHANGES, _changes(log))


def _changes(log: Sequence[Entry]) -> Iterator[bytes]:
    writers: dict[type[Row], Writer] = {}
    for entry in log:
        found: dict[str, Any] = {"place": entry.place, "what": entry.what, "why": entry.why}
        if entry.beside:
            found["beside"] = entry.beside
        if entry.before and entry.after:
            if type(entry.before) not in writers:
                writers[type(entry.before)] = writer_of(entry.before)[1]
            write = writers[type(entry.before)].record
            found |= {"before": write(entry.before), "after": write(entry.after)}
        yield (json.dumps(found, ensure_ascii=False, default=str) + "\n").encode()
