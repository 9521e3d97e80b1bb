"""The first rows of files, as they are read and cleaned."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

from luthier.core.errors import RecipeError
from luthier.data.clean import asked_for
from luthier.data.corrections import corrected_splits, read_corrections
from luthier.data.ledger import Ledger
from luthier.data.load import cleaned_splits, parse_splits
from luthier.data.others import Others
from luthier.data.parse import together
from luthier.data.write import write_rows, writer_of
from luthier.recipe.schema import DataSection
from luthier.workflow.stages import Listener, Stages, silent


def preview_files(
    section: DataSection, *, rows: int, output: Path | None = None, on_event: Listener = silent
) -> dict[str, Any]:
    """What the files were taken for, and the first rows of each split that was named.

    Args: rows: of each split. output: a file for those of train, as JSON Lines.
    Raises: DataError: as `data.load.load`.
    """
    if rows < 1:
        raise RecipeError(f"data preview: got --rows {rows}, expected at least 1")
    asked_for(section.clean)  # refused before anything is read
    stages, ledger = Stages(on_event), Ledger()
    corrections = read_corrections(section.corrections)
    with stages.stage("reading data"):
        parsed = parse_splits(section, ledger, keeps_others="none" if output is None else "all")
        corrected = corrected_splits(parsed, corrections, ledger)
        cleaned = cleaned_splits(corrected.parsed, section, ledger)
    stages.note_all(corrected.said)
    stages.note_all(corrected.warnings, warning=True)
    tables = {name: together(files) for name, files in cleaned.items() if files}
    for name, table in tables.items():
        ledger.use(name, len(table))
    ledger.check()
    first = {name: list(islice(table, rows)) for name, table in tables.items()}
    settings: dict[str, Any] = {}
    if output is not None:
        others = Others(one for held in parsed.values() for one in held)
        written = write_rows(output, first["train"], others.of(first["train"]))
        stages.note_all(written.told())
        settings = dict(written.settings)
    writer = writer_of(first["train"][0])[1]
    return {
        "format_version": 1,
        "read": [line for held in parsed.values() for one in held for line in one.description],
        "shape": parsed["train"][0].shape,
        "rows": ledger.document()["rows"],
        "settings": settings,
        "shown": {
            name: [
                {
                    "place": str(row.origin),
                    "given": row.shown(),
                    "target": row.target(),
                    "row": writer.record(row),
                }
                for row in held
            ]
            for name, held in first.items()
        },
    }
