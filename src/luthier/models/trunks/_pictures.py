"""Models of pictures: every one is as large as the others, so nothing has to be packed.

A picture counts as one token of the batch. Letters: B pictures, D width, P places in a picture.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from luthier.core.errors import ModelError
from luthier.data.features import PIXELS, Batch
from luthier.models.bundle import Head
from luthier.models.mixed import products, types_of


class PictureTrunk:
    """Implements `models.bundle.Trunk` by calling the transformers model itself."""

    name = "pictures"

    def __init__(
        self, model: nn.Module, *, compute_dtype: torch.dtype, gradient_checkpointing: bool = False
    ) -> None:
        self.model: Any = model
        self.dtype = compute_dtype
        self.notes: list[str] = []
        self._types = types_of(model)
        self.set_checkpointing(on=gradient_checkpointing)

    def hidden(self, batch: Batch, at_M: Tensor | None = None) -> Tensor:
        """Mean of the final states of each picture (M, D)."""
        self._rest(batch)
        with products(self._types | {self.dtype}, batch.input_ids_N.device):
            found = self.model.base_model(self._pixels(batch)).last_hidden_state
        # (B, P, D) of transformers, (B, D, H, W) of convolutions
        mean_BD = found.mean(1) if found.dim() == 3 else found.flatten(2).mean(2)
        return mean_BD if at_M is None else mean_BD[at_M]

    def head(self) -> Head:
        """Raises: ModelError: pictures have no next token."""
        raise ModelError(f"{type(self.model).__name__} has no language-model head")

    def scores(self, batch: Batch) -> Tensor:
        """Class scores (B, C) in float32."""
        self._rest(batch)
        with products(self._types | {self.dtype}, batch.input_ids_N.device):
            return self.model(self._pixels(batch)).logits.float()

    def token_scores(self, batch: Batch, at_M: Tensor | None = None) -> Tensor:
        """Raises: ModelError: a picture is scored as a whole."""
        del batch, at_M
        raise ModelError(f"{type(self.model).__name__} has no scores of tokens")

    def set_checkpointing(self, *, on: bool) -> None:
        """Ask the transformers model for it; a note where it cannot."""
        if on and not self.model.supports_gradient_checkpointing:
            self.notes.append("this architecture cannot recompute activations; all are kept")
        elif on:
            self.model.gradient_checkpointing_enable({"use_reentrant": False})
        elif any(getattr(part, "gradient_checkpointing", False) for part in self.model.modules()):
            self.model.gradient_checkpointing_disable()

    def _rest(self, batch: Batch) -> None:
        """Norms take the mean of a batch only where there is one, and where all parameters move.

        Running statistics are weights that no gradient moves: where something is frozen, they are
        as well, and what is saved of a training says all of it. One picture alone, as an epoch may
        leave over, has no spread (torch refuses it where a channel is one number): it is read by
        the running statistics.
        """
        moves = all(parameter.requires_grad for parameter in self.model.parameters())
        for part in self.model.modules():
            if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d):
                part.train(mode=self.model.training and moves and len(batch.rows) > 1)

    def _pixels(self, batch: Batch) -> Tensor:
        if PIXELS not in batch.tensors:
            raise ModelError(
                "this model reads pictures, and the rows are texts. Use a model that reads text, "
                "such as minilm-l6"
            )
        return batch.tensors[PIXELS].to(next(self.model.parameters()).dtype)
