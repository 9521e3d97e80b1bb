"""Continued pre-training: learn every token of running text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from pydantic import Field

from luthier.core.config import ComponentConfig
from luthier.core.errors import DataError
from luthier.data.features import Batch, Features
from luthier.data.rows import Row, Text
from luthier.models.bundle import Codec, Kind
from luthier.objectives import objectives
from luthier.objectives._tokens import collate_tokens, token_loss
from luthier.objectives.contract import Loss, Roles, Usual


class Config(ComponentConfig):
    """Continued pre-training."""

    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    """Share of probability moved evenly to all tokens while training."""


@objectives.add
class Lm:
    """**Rows**: Text. **Unit**: tokens; each but the first of a document is a target, end-of-text
    included. **Roles**: policy. **Relations**: `sft` when only answers are to be learned. Documents
    longer than the context: data.on_overflow=split.
    """

    Config = Config
    row: ClassVar[type[Row]] = Text
    kinds: ClassVar[frozenset[Kind]] = frozenset({"causal_lm"})
    roles: ClassVar[frozenset[str]] = frozenset({"policy"})
    additive: ClassVar[bool] = True
    unit: str = "tokens"
    is_default: ClassVar[bool] = True
    usual: ClassVar[Usual] = Usual()

    def __init__(self, config: Config) -> None:
        self.config = config

    def prepare(self, row: Row, codec: Codec, *, index: int) -> Features:
        """The document closed by end-of-text, every token but the first a target.

        Raises: DataError: the document is shorter than two tokens.
        """
        assert isinstance(row, Text)
        ids = codec.encode_document(row.text)
        if len(ids) < 2:
            raise DataError(f"{row.origin}: text of {len(ids)} token(s); a target needs two.")
        weights = np.ones(len(ids), np.float32)
        weights[0] = 0.0
        return Features(index, ids, weights)

    def collate(self, features: Sequence[Features]) -> Batch:
        """Documents end to end with their trained positions."""
        return collate_tokens(features)

    def loss(self, models: Roles, batch: Batch) -> Loss:
        """Negative log-likelihood of the trained tokens."""
        return Loss(*token_loss(models.policy, batch, smoothing=self.config.label_smoothing))
