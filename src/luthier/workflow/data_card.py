"""The card of a data set, from what a check finds and a preview shows."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from luthier.core.errors import RecipeError
from luthier.data.clean import built, looking_of, without
from luthier.data.examine import examine
from luthier.recipe.schema import DataSection
from luthier.run.data_card import is_as_made, render_data
from luthier.workflow.preview import preview_files
from luthier.workflow.stages import Listener, Stages, silent

_ROWS = 3


def check_own(output: Path) -> None:
    """Nothing, where no words of somebody would be lost with the file.

    Raises: RecipeError: there is something under the name that no card is, as it was made.
    """
    if not output.is_file() or is_as_made(output.read_text(encoding="utf-8", errors="replace")):
        return
    raise RecipeError(
        f"{output}: is there already, and no card as this command made it, so it is left as it "
        "is.\n    Name another file, such as --output CARD.md, or remove it first"
    )


def data_card(section: DataSection, *, name: str, on_event: Listener = silent) -> dict[str, Any]:
    """`card`: the Markdown, and what it was made from.

    Raises: DataError: as `examine`.
    """
    stages = Stages(on_event)
    with stages.stage("checking data"):
        found = examine(section, progress=stages.note).document()
    # a card is shown to others
    masked = {"personal": True, **without(section, looking_of(built(section.clean))).clean}
    first = preview_files(section.model_copy(update={"clean": masked}), rows=_ROWS)
    first["read"] = [_without_folders(line, section) for line in first["read"]]
    return {"card": render_data(found, first, name=name), "check": found}


def _without_folders(line: str, section: DataSection) -> str:
    """The line with files named as somebody who has them elsewhere would name them."""
    for folder in sorted(_folders(section), key=len, reverse=True):
        line = re.sub(rf"(?<![\w.-]){re.escape(folder)}/", "", line)
    return line


def _folders(section: DataSection) -> set[str]:
    """All in which the files lie, and in which these lie; addresses stay as they are."""
    splits = (section.train_files, section.validation, section.test)
    given = [name for split in splits for name in ([split] if isinstance(split, str) else split)]
    here = [name.rpartition(":///")[2] for name in given if "://" not in name or ":///" in name]
    folders = {str(one) for name in here for one in Path(name.partition("#")[0]).parents}
    return folders - {".", "/"}
