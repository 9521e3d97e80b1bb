"""Weights & Biases, offline: files in `wandb/` of the run directory; `wandb sync` sends them."""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from luthier.core.errors import missing
from luthier.core.events import Event, Updated, Validated
from luthier.run.figures import flat
from luthier.run.trackers import trackers
from luthier.run.trackers.contract import scalars


@trackers.add
class WandB:
    """Nothing leaves the machine until somebody runs `wandb sync` on the folder."""

    package: ClassVar[str] = "wandb"

    def __init__(self, folder: Path, document: Mapping[str, Any]) -> None:
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")  # read on import
        try:
            wandb: Any = importlib.import_module("wandb")
        except ImportError as error:
            raise missing("wandb", "trackers", "Writing Weights & Biases files") from error
        recipe = document.get("recipe", {})
        self._run: Any = wandb.init(
            project="luthier",
            name=str(recipe.get("name", folder.name)),
            dir=str(folder),
            config=flat(recipe),
            mode="offline",
            settings=wandb.Settings(disable_git=True, save_code=False, console="off", silent=True),
        )

    def __call__(self, event: Event) -> None:
        if isinstance(event, Updated | Validated):
            self._run.log(dict(scalars(event)), step=event.step)

    def close(self) -> None:
        self._run.finish()
