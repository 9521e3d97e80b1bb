"""The card of a data set, from what a check finds and a preview shows."""

from __future__ import annotations

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
    given = section.train_files
    names = [given] if isinstance(given, str) else given
    folders = {f"{Path(given).parent}/" for given in names}
    for folder in sorted(folders, key=len, reverse=True):
        first["read"] = [line.replace(folder, "") for line in first["read"]]
    return {"card": render_data(found, first, name=name), "check": found}
