"""Files made from files: cleaned, or split, or in folds, with an account of every row."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from luthier.core import files
from luthier.core.errors import DataError
from luthier.data.clean import asked_for, usual
from luthier.data.corrections import corrected_splits, read_corrections
from luthier.data.divide import divide, held_together
from luthier.data.folds import folds as folds_of
from luthier.data.formats.contract import Writer
from luthier.data.keyed import keyed
from luthier.data.ledger import Entry, Ledger
from luthier.data.load import cleaned_splits, parse_splits
from luthier.data.on_disk import OnDisk
from luthier.data.others import Others
from luthier.data.rows import Row
from luthier.data.split import Shares
from luthier.data.write import write_rows, writer_of
from luthier.recipe.schema import DataSection
from luthier.workflow.power import power_of
from luthier.workflow.stages import Listener, Stages, silent

LEDGER = "ledger.json"
CHANGES = "changes.jsonl"
"""Every row that was changed or left out, with its place in the files that were read."""


def clean_files(
    section: DataSection, *, output: Path, on_event: Listener = silent
) -> dict[str, Any]:
    """The rows of files after `data.clean`, without repetitions and leaks, as new files.

    Where `data.clean` says nothing the usual cleaners work. Files are not split.
    Args: output: a new folder for `train.jsonl`, given validation and test files, and the account.
    Returns: the content of `ledger.json`.
    Raises: DataError, RecipeError: as `data.load.load`, or there is something in the folder.
    """
    asked = section.clean or usual()
    whole = {"clean": asked, "validation_share": 0.0, "test_share": 0.0}
    return _rewritten(section.model_copy(update=whole), output, on_event)


def split_files(
    section: DataSection, *, output: Path, on_event: Listener = silent
) -> dict[str, Any]:
    """The rows of files as training would split them, in a file for each split.

    Args, Returns, Raises: as `clean_files`; nothing is cleaned but what `data.clean` says.
    """
    return _rewritten(section, output, on_event)


def fold_files(
    section: DataSection, *, output: Path, folds: int, on_event: Listener = silent
) -> dict[str, Any]:
    """The rows of files for cross-validation: `fold-1/train.jsonl`, `fold-1/test.jsonl` and so on;
    every row is tested in one fold and trained on in the others.

    Args: folds: at least 2. Given validation and test files are written once, beside the folds.
    Returns, Raises: as `split_files`.
    """
    if folds < 2:
        raise DataError(f"folds: got {folds}, expected at least 2")
    whole = {"validation_share": 0.0, "test_share": 0.0}
    return _rewritten(section.model_copy(update=whole), output, on_event, folds=folds)


def _rewritten(
    section: DataSection, output: Path, on_event: Listener, *, folds: int = 0
) -> dict[str, Any]:
    asked_for(section.clean)  # refused before anything is read
    stages, log = Stages(on_event), OnDisk[Entry]()
    ledger, corrections = Ledger(listener=log.append), read_corrections(section.corrections)
    with files.new_folder(output) as folder:
        with stages.stage("reading data"):
            parsed = parse_splits(section, ledger, keeps_others=True)
        others = Others(one for held in parsed.values() for one in held)
        with stages.stage("cleaning data"):
            corrected = corrected_splits(parsed, corrections, ledger)
            cleaned = cleaned_splits(corrected.parsed, section, ledger)
            parts, how = divide(cleaned, section, ledger)
            how = [*corrected.said, *corrected.warnings, *how]
        for name, rows in parts.items():
            ledger.use(name, len(rows))
        ledger.check()
        if folds:
            parts, more = _folded(parts, section, folds)
            how += more
        tests = {
            name: len(rows)
            for name, rows in parts.items()
            if name.endswith("test") and rows and rows[0].target()
        }
        how += [f"{name}: {power_of(number)}" for name, number in tests.items()]
        with stages.stage("writing data", str(output)):
            written, settings = _write(folder, parts, others, stages)
            files.write_pieces(folder / CHANGES, _changes(log))
        found = {
            "format_version": 1,
            "sources": {
                **{one.name: one.sha256 for held in parsed.values() for one in held},
                **corrections.files,
            },
            "read": [line for held in parsed.values() for one in held for line in one.description],
            "settings": section.model_dump(exclude_defaults=True),
            "rows": ledger.document()["rows"],
            "how": how,
            "files": written,
            "use": _uses(output, written, settings),
        }
        files.write_json(folder / LEDGER, found)
    return {**found, "folder": str(output)}


def _write(
    folder: Path, parts: Mapping[str, Sequence[Row]], others: Others, stages: Stages
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The files, and the settings of `data` with which all of them are read."""
    written: dict[str, Any] = {}
    settings: dict[str, Any] = {}
    for name, rows in parts.items():
        if not rows:
            continue
        path = folder / f"{name}.jsonl"
        beside = others.of(rows)
        done = write_rows(path, rows, beside)
        if any(beside) and not done.has_others:
            stages.note(f"{path.name}: other columns left out, as they would be read as more")
        settings |= done.settings
        written[name] = {"file": f"{name}.jsonl", "rows": len(rows), "sha256": files.sha256(path)}
    return written, settings


def _folded(
    parts: Mapping[str, Sequence[Row]], section: DataSection, number: int
) -> tuple[dict[str, Sequence[Row]], list[str]]:
    """Train and test of each fold, and the splits that were given; and how that was done."""
    table = keyed(parts["train"])
    near, how = held_together(table, Shares(0.0, 1 / number), section.near_duplicates)
    fold_N = folds_of(table, number, near=near)
    found = {name: rows for name, rows in parts.items() if name != "train"}
    for fold in range(number):
        found[f"fold-{fold + 1}/train"] = table.taken(fold_N != fold).rows
        found[f"fold-{fold + 1}/test"] = table.taken(fold_N == fold).rows
    sizes = ", ".join(str(int(size)) for size in np.bincount(fold_N, minlength=number))
    return found, [*how, f"{number} folds by content hash, with {sizes} test rows"]


def _uses(output: Path, written: Mapping[str, Any], settings: Mapping[str, Any]) -> list[str]:
    """What is typed to train on the files, for each that is called train."""
    found: list[str] = []
    for name in (name for name in written if name.endswith("train")):
        prefix = name.removesuffix("train")
        words = [str(output / written[name]["file"])]
        for split in ("validation", "test"):
            entry = written.get(f"{prefix}{split}") or written.get(split)
            words += [f"data.{split}={output / entry['file']}"] if entry else []
        for key, value in settings.items():
            plain = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            words.append(f"data.{key}={plain}")
        found.append(shlex.join(["luthier", "train", *words]))
    return found


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
