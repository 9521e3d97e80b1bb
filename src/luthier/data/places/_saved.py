"""Folders that Hugging Face's `datasets` wrote: which of their files hold rows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from luthier.core import files
from luthier.core.errors import DataError

_TOLD = frozenset({"dataset_info.json", "dataset_infos.json", "dataset_dict.json"})
"""What such folders say of themselves."""
_CARD = re.compile(r"\s*---.*?^dataset_info:", re.DOTALL | re.MULTILINE)
"""How a file README.md begins that says it too."""
_HEAD = 100_000
"""Characters within which it does."""
_STATE = "state.json"


def without_told(found: Sequence[Path]) -> list[Path]:
    """The files without those that speak of others; of a saved set those that its state names.

    Raises: DataError: one that is named is missing.
    """
    states = {path.parent: _named(path) for path in found if path.name == _STATE}
    states = {folder: names for folder, names in states.items() if names}
    for folder, names in states.items():
        missing = [name for name in names if folder / name not in found]
        if missing:
            raise DataError(
                f"{folder}: {_STATE} names {missing[0]}, which is not there: it is not whole.\n"
                "    Copy it again, or save it anew: dataset.save_to_disk"
            )
    return [
        path
        for path in found
        if path.name not in _TOLD
        and not _is_card(path)
        and (path.parent not in states or path.name in states[path.parent])
    ]


def _is_card(path: Path) -> bool:
    if path.name != "README.md":
        return False
    try:
        with path.open(encoding="utf-8-sig") as file:
            return _CARD.match(file.read(_HEAD)) is not None
    except (OSError, ValueError):
        return False  # whoever reads it says what is wrong


def _named(state: Path) -> list[str]:
    """The files that the state of a saved set names; none where it is something else."""
    try:
        held: Any = files.read_json(state)
        return [str(item["filename"]) for item in held["_data_files"]]
    except (OSError, ValueError, KeyError, TypeError):
        return []
