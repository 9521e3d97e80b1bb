"""Which general rows an update looks at, and their batches of weighted tokens."""

from __future__ import annotations

from dataclasses import replace

import torch

from luthier.data.features import Batch, Features
from luthier.keeping.contract import Setting
from luthier.objectives import Part, collate_tokens


class General:
    """Some general rows for every update, each as often as any other.

    Args: name: of who asks; others see other rows in the same update.
    """

    def __init__(self, setting: Setting, name: str, rows_per_update: float) -> None:
        self.part: Part = replace(setting.general, name=name, rows_per_update=rows_per_update)
        self._seed, self._device = setting.seed, setting.device

    def rows(self, step: int) -> list[Features]:
        """Rows of the update after `step` updates."""
        return self.part.rows(step, seed=self._seed)

    def batch(self, rows: list[Features]) -> Batch:
        """Rows end to end, on the model's device: `at`, `labels`, `weights` of predicted tokens."""
        return collate_tokens(rows).to(self._device)

    @property
    def device(self) -> torch.device:
        return self._device
