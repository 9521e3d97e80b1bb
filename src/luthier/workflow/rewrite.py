"""Files made from files: cleaned, split, in folds or augmented, with an account of every row."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from luthier.core import files
from luthier.core.errors import DataError, RecipeError
from luthier.data.assisted import Helpers, is_assisted
from luthier.data.augment import augmenters_of
from luthier.data.augment import built as augmenting
from luthier.data.clean import asked_for, idle_words, usual
from luthier.data.clean import built as cleaning
from luthier.data.cleaning import Cleaner, Opening
from luthier.data.corrections import corrected_splits, read_corrections
from luthier.data.damaged import refuse_damaged
from luthier.data.ledger import Entry, Ledger
from luthier.data.load import check_shares, cleaned_splits, few_spread, parse_splits
from luthier.data.matching.keyed import keyed, start_of
from luthier.data.on_disk import OnDisk
from luthier.data.others import Others
from luthier.data.parse import Parsed, weights_of
from luthier.data.rows import Row
from luthier.data.splits.divide import divide, held_together, validation_share
from luthier.data.splits.folds import folds as folds_of
from luthier.data.splits.split import Shares
from luthier.data.training_rows import training_rows
from luthier.recipe.schema import DataSection
from luthier.workflow.carried import carried, left_behind
from luthier.workflow.power import power_of
from luthier.workflow.rewrite_folder import LEDGER, write_changes, write_splits
from luthier.workflow.stages import Listener, Stages, silent

Parts = dict[str, Sequence[Row]]


@dataclass(frozen=True, slots=True)
class _Grown:
    """Splits of which train has further rows."""

    parts: Parts
    how: list[str]
    settings: dict[str, Any]
    """Of `data`, with which these rows are read as they are."""


Grow = Callable[[Parts, Mapping[str, list[Parsed]], Ledger], _Grown]


def clean_files(
    section: DataSection,
    *,
    output: Path,
    helpers: Helpers | None = None,
    on_event: Listener = silent,
) -> dict[str, Any]:
    """The rows of files after `data.clean`, without repetitions and leaks, as new files.

    Where `data.clean` says nothing the usual cleaners work. Files are not split.
    Args: output: a new folder for `train.jsonl`, given validation and test files, and the account.
        helpers: models, for what needs one.
    Returns: the content of `ledger.json`.
    Raises: DataError, RecipeError: as `data.load.load`, or there is something in the folder.
    """
    asked = section.clean or usual()
    whole = {"clean": asked, "validation_share": 0.0, "test_share": 0.0}
    later = carried(section, "clean")
    return _rewritten(section.model_copy(update=whole), output, on_event, helpers, later=later)


def split_files(
    section: DataSection,
    *,
    output: Path,
    helpers: Helpers | None = None,
    on_event: Listener = silent,
) -> dict[str, Any]:
    """The rows of files as training would split them, in a file for each split.

    Args, Returns, Raises: as `clean_files`; nothing is cleaned but what `data.clean` says.
    """
    later = carried(section, "split")
    return _rewritten(section, output, on_event, helpers, later=later)


def fold_files(
    section: DataSection,
    *,
    output: Path,
    folds: int,
    helpers: Helpers | None = None,
    on_event: Listener = silent,
) -> dict[str, Any]:
    """The rows of files for cross-validation: `fold-1/train.jsonl`, `fold-1/test.jsonl` and so on;
    every row is tested in one fold and trained on in the others.

    Args: folds: at least 2. Given validation and test files are written once, beside the folds.
    Returns, Raises: as `split_files`; DataError too where rows are to be split by time.
    """
    if folds < 2:
        raise DataError(f"folds: got {folds}, expected at least 2")
    if section.time_by:
        raise DataError(
            f"folds: got {folds} beside data.time_by ('{section.time_by}'), but all folds but one "
            "would train on rows later than those they test.\n"
            "    Leave data.time_by out, or --folds, for one split by time"
        )
    whole = {"validation_share": 0.0, "test_share": 0.0}
    asked, later = section.model_copy(update=whole), carried(section, "folds")
    return _rewritten(asked, output, on_event, helpers, later=later, folds=folds)


def augment_files(
    section: DataSection,
    *,
    output: Path,
    seed: int = 0,
    helpers: Helpers | None = None,
    on_event: Listener = silent,
) -> dict[str, Any]:
    """The rows of files as training would split them, those of train with what `data.augment`
    makes of them, and weighed and balanced as `data.train` and `data.sample` say.

    Validation and test rows stay as they are. A row that was made says in a column of which one.
    Args: helpers: models, for ways of augmenting that need one.
    Returns, Raises: as `split_files`; RecipeError too where nothing is to be made, or where no
        rows are kept for the test: made rows would be taken for it later.
    """
    if not augmenters_of(section.augment, helpers):
        raise RecipeError(
            "data.augment: says nothing, so no row would be made.\n"
            "    Say how, such as data.augment.words=1 (all ways: luthier list augment)"
        )

    def grow(parts: Parts, parsed: Mapping[str, list[Parsed]], ledger: Ledger) -> _Grown:
        if not parts["test"] and not section.test_share:
            raise RecipeError(
                "data.test_share: got 0, so the test would be split off the made rows later.\n"
                "    Leave it out, or name a file: data.test"
            )
        weights = weights_of(parsed["train"])
        rows, how = training_rows(
            parts, section, ledger, weights=weights, seed=seed, helpers=helpers
        )
        repeats = {"on_duplicate": "keep"} if _has_repeats(rows) else {}
        return _Grown({**parts, "train": rows}, how, repeats)

    later = carried(section, "augment")
    return _rewritten(section, output, on_event, helpers, later=later, grow=grow)


def asks_models(section: DataSection) -> bool:
    """Whether models are needed to make files. Raises: RecipeError: an unknown name or setting."""
    ways = (*augmenting(section.augment).values(), *cleaning(section.clean).values())
    return any(is_assisted(way) for way in ways)


def _has_repeats(rows: Sequence[Row]) -> bool:
    keys = np.fromiter((start_of(row.key()) for row in rows), np.uint64)
    return len(np.unique(keys)) < len(keys)


def _rewritten(
    section: DataSection,
    output: Path,
    on_event: Listener,
    helpers: Helpers | None,
    *,
    later: Mapping[str, Any],
    folds: int = 0,
    grow: Grow | None = None,
) -> dict[str, Any]:
    check_shares(section)
    asked = asked_for(section.clean, helpers)  # refused before anything is read
    stages, log = Stages(on_event), OnDisk[Entry]()
    stages.note_all(idle_words(asked), warning=True)
    ledger, corrections = Ledger(listener=log.append), read_corrections(section.corrections)
    with files.new_folder(output) as folder:
        with stages.stage("reading data"):
            parsed = parse_splits(section, ledger, keeps_others="all")
            read = [line for held in parsed.values() for one in held for line in one.description]
            stages.note_all(read)
        others = Others(one for held in parsed.values() for one in held)
        with stages.stage("cleaning data"):
            corrected = corrected_splits(parsed, corrections, ledger)
            stages.note_all(corrected.warnings, warning=True)
            freed, spreading = _freed(corrected.parsed, section, folds)
            said = [*corrected.said, *spreading]
            stages.note_all(said)
            cleaned = cleaned_splits(freed, section, ledger, helpers=helpers)
            _refuse_damaged(cleaned, asked)
            parts, how = divide(cleaned, section, ledger)
            how = [*said, *corrected.warnings, *how]
        grown = _grown(grow, parts, parsed, ledger, stages)
        parts = grown.parts
        for name, rows in parts.items():
            ledger.use(name, len(rows))
        ledger.check()
        if folds:
            parts, of_folds = _folded(parts, section, folds)
            stages.note_all(_beside_folds(parts))
            how += of_folds
        with stages.stage("writing data", str(output)):
            written = write_splits(folder, parts, others, stages)
            write_changes(folder, log)
        settings, lost = written.taken({**later, **grown.settings})
        more = [*lost, *([] if grow else left_behind(section))]
        stages.note_all(more, warning=True)
        found = {
            "format_version": 1,
            "sources": _digests(parsed) | corrections.files,
            "read": read,
            "settings": section.model_dump(exclude_defaults=True),
            "rows": ledger.document()["rows"],
            "how": [*how, *grown.how, *more, *(helpers.said if helpers else ()), *_powers(parts)],
            "files": written.files,
            "use": written.uses(output, settings),
        }
        files.write_json(folder / LEDGER, found)
    return {**found, "folder": str(output)}


def _grown(
    grow: Grow | None,
    parts: Parts,
    parsed: Mapping[str, list[Parsed]],
    ledger: Ledger,
    stages: Stages,
) -> _Grown:
    """The splits with the rows that are made of train; nothing to make: as they are."""
    if not grow:
        return _Grown(parts, [], {})
    with stages.stage("augmenting data"):
        return grow(parts, parsed, ledger)


def _digests(parsed: Mapping[str, Sequence[Parsed]]) -> dict[str, str]:
    """File -> SHA-256 of its bytes when it was read."""
    return {one.name: one.sha256 for held in parsed.values() for one in held}


def _freed(
    parsed: Mapping[str, list[Parsed]], section: DataSection, folds: int
) -> tuple[dict[str, list[Parsed]], list[str]]:
    """The files as training would split them: chunks of few documents are rows like any other."""
    if folds:
        return few_spread(parsed, section, fewest=folds)
    is_split = section.test_share or validation_share(section)
    if section.chunk_overlap and not is_split:
        return dict(parsed), []  # the chunks stay tied, and nothing is parted here
    return few_spread(parsed, section)


def _refuse_damaged(files: Mapping[str, Sequence[Parsed]], asked: Mapping[str, Cleaner]) -> None:
    """Nothing, where all pictures can be opened; those of train were where a cleaner did so.

    Raises: DataError: as `data.damaged.refuse_damaged`.
    """
    were_opened = any(isinstance(one, Opening) for one in asked.values())
    for name, held in files.items():
        for one in held if name != "train" or not were_opened else ():
            refuse_damaged(one.rows, name)


def _powers(parts: Parts) -> list[str]:
    """How small a difference each test can show."""
    tests = {name: rows for name, rows in parts.items() if name.endswith("test") and rows}
    return [f"{name}: {power_of(len(rows))}" for name, rows in tests.items() if rows[0].target()]


def _beside_folds(parts: Parts) -> list[str]:
    """What given test rows are for, where each fold has its own."""
    words = "test.jsonl is the test of no fold: try on it what you chose by them"
    return [words] if parts["test"] else []


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
