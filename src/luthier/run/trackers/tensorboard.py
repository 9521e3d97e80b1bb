"""TensorBoard event files in `tensorboard/` of the run directory."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import yaml

from luthier.core.errors import missing
from luthier.core.events import Event, Finished, Saved, Updated, Validated
from luthier.run.trackers import trackers
from luthier.run.trackers.contract import scalars


@trackers.add
class TensorBoard:
    """Show it: tensorboard --logdir RUN/tensorboard"""

    package: ClassVar[str] = "tensorboard"

    def __init__(self, folder: Path, document: Mapping[str, Any]) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise missing("tensorboard", "trackers", "Writing TensorBoard files") from error
        self._writer = SummaryWriter(str(folder / "tensorboard"))
        recipe = yaml.safe_dump(document.get("recipe", {}), sort_keys=False)
        self._writer.add_text("recipe", f"```yaml\n{recipe}\n```")

    def __call__(self, event: Event) -> None:
        if isinstance(event, Updated | Validated):
            for name, value in scalars(event):
                self._writer.add_scalar(name, value, event.step)
        if isinstance(event, Saved | Finished):
            self._writer.flush()

    def close(self) -> None:
        self._writer.close()
