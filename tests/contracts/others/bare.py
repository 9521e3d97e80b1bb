"""Somebody else's objective that says no more of itself than every objective must."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from luthier.core.config import ComponentConfig
from luthier.data.features import Batch, Features
from luthier.data.rows import Chat, Row
from luthier.models.bundle import Codec, Kind
from luthier.objectives import Loss, Roles, Usual, collate_tokens, token_loss


class Config(ComponentConfig):
    """No settings."""


class Bare:
    """**Rows**: Chat. **Unit**: tokens. **Roles**: policy. **Relations**: `sft`, plainly."""

    Config = Config
    row: ClassVar[type[Row]] = Chat
    kinds: ClassVar[frozenset[Kind]] = frozenset({"causal_lm"})
    roles: ClassVar[frozenset[str]] = frozenset({"policy"})
    additive: ClassVar[bool] = True
    unit: str = "tokens"
    is_default: ClassVar[bool] = False
    usual: ClassVar[Usual] = Usual()

    def __init__(self, config: Config) -> None:
        self.config = config

    def prepare(self, row: Row, codec: Codec, *, index: int) -> Features:
        assert isinstance(row, Chat)
        rendered = codec.render(row)
        return Features(index, rendered.input_ids, rendered.loss_weights)

    def collate(self, features: Sequence[Features]) -> Batch:
        return collate_tokens(features)

    def loss(self, models: Roles, batch: Batch) -> Loss:
        return Loss(*token_loss(models.policy, batch))
