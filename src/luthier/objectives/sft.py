"""Instruction tuning: learn what the assistant says, given everything before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from luthier.core.config import ComponentConfig
from luthier.core.errors import DataError
from luthier.data.features import ANSWERS, Batch, Features
from luthier.data.rows import Chat, Row
from luthier.models.bundle import Codec, Kind, Rendered
from luthier.models.proof import prove
from luthier.objectives import objectives
from luthier.objectives._tokens import collate_tokens, token_loss
from luthier.objectives.contract import Loss, Roles, Usual


class Config(ComponentConfig):
    """Supervised fine-tuning on conversations."""

    train_on: Literal["assistant", "last"] = "assistant"
    """Every assistant turn (times its own weight), or the last one only."""
    template: Literal["auto", "plain"] = "auto"
    """auto: the model's own chat template; plain: turns as plain text, for base models."""
    prompt_weight: float = Field(default=0.0, ge=0, le=1)
    """How much tokens of system, user and tool messages count beside those of answers (1)."""
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    """Share of probability moved evenly to all tokens while training."""


@objectives.add
class Sft:
    """**Rows**: Chat. **Unit**: assistant tokens, end-of-turn included, times the weight of their
    turn, or of the span of it that they stand in; tokens of prompts times `prompt_weight`.
    **Roles**: policy. **Relations**: `lm` when every token is a target; preference objectives need
    two answers per prompt. Prefer it whenever answers are given.
    """

    Config = Config
    row: ClassVar[type[Row]] = Chat
    kinds: ClassVar[frozenset[Kind]] = frozenset({"causal_lm"})
    roles: ClassVar[frozenset[str]] = frozenset({"policy"})
    additive: ClassVar[bool] = True
    unit: str = "tokens"
    is_default: ClassVar[bool] = True
    usual: ClassVar[Usual] = Usual()

    def __init__(self, config: Config) -> None:
        self.config = config

    def prepare(self, row: Row, codec: Codec, *, index: int) -> Features:
        """The rendered conversation with the weight of each token, its mask proved.

        Raises: DataError: nothing in the row is trained. MaskError: the mask cannot be proved.
        """
        assert isinstance(row, Chat)
        codec = codec.plain() if self.config.template == "plain" else codec
        rendered = codec.render(row)
        answers = answer_features(rendered, row, index=index, train_on=self.config.train_on)
        prove(row, answers, codec, train_on=self.config.train_on)
        if not self.config.prompt_weight:
            return answers
        weights = answers.loss_weights.copy()
        for part in rendered.segments:
            if part.role not in ("", "assistant"):
                weights[part.start : part.end] = self.config.prompt_weight
        weights[:1] = 0.0  # nothing stands before it
        is_answer = {ANSWERS: answers.loss_weights > 0}
        return replace(answers, loss_weights=weights, per_token=is_answer)

    def collate(self, features: Sequence[Features]) -> Batch:
        """Sequences end to end with their trained positions."""
        return collate_tokens(features)

    def loss(self, models: Roles, batch: Batch) -> Loss:
        """Negative log-likelihood of the trained tokens."""
        return Loss(*token_loss(models.policy, batch, smoothing=self.config.label_smoothing))


def answer_features(
    rendered: Rendered, row: Chat, *, index: int, train_on: Literal["assistant", "last"]
) -> Features:
    """The conversation with the weights of its answers alone.

    Raises: DataError: nothing in it is trained.
    """
    weights = rendered.loss_weights.copy()
    if train_on == "last":
        weights[~_in_last_answer(rendered)] = 0.0
    weights[:1] = 0.0
    if not weights.any():
        raise DataError(
            f"{row.origin}: no token is trained. The row needs an assistant turn with text "
            "and a weight above 0."
        )
    return Features(index, rendered.input_ids, weights)


def _in_last_answer(rendered: Rendered) -> np.ndarray:
    """True for tokens of the last assistant turn."""
    answers = [part for part in rendered.segments if part.role == "assistant"]
    found = np.zeros(len(rendered.input_ids), bool)
    last = max((part.turn for part in answers), default=-1)
    for part in answers:
        if part.turn == last:
            found[part.start : part.end] = True
    return found
