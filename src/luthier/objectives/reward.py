"""Reward model: one score for an answer, higher for the one that people prefer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import logsigmoid

from luthier.core.config import ComponentConfig
from luthier.core.errors import DataError
from luthier.data.features import IGNORE, Batch, Features, flatten
from luthier.data.rows import Message, Preference, Row
from luthier.data.rows.conversations import dialogue
from luthier.models.bundle import Bundle, Codec, Kind
from luthier.objectives import objectives
from luthier.objectives._pairs import Template, pair_of, preferences
from luthier.objectives.contract import Loss, Roles, Usual

_MARGIN = "margin"


class Config(ComponentConfig):
    """A pairwise reward model."""

    center_coefficient: float = Field(0.0, ge=0)
    """Weight of the squared sum of both scores, which keeps scores around zero; usual 0.01."""
    use_margins: bool = True
    """Chosen answers shall be ahead by the `margin` that rows name; rows without one have 0."""
    template: Template = "auto"
    """auto: the model's own chat template, or prompt and answer as a pair of texts for a model that
    has none; plain: turns as plain text, for base models."""


@objectives.add
class Reward:
    """**Rows**: Preference. **Unit**: pairs. **Roles**: policy. **Relations**: `dpo` learns to
    answer from the same rows; this learns to judge, for choosing among answers and as a grader.
    The model gets a head with a single score, read off the last token of a decoder.

    Source: Bradley & Terry 1952; Ouyang et al. 2022, arXiv:2203.02155, eq. 1; margins: Touvron et
    al. 2023, arXiv:2307.09288, eq. 2; centring: Eisenstein et al. 2023, arXiv:2312.09244. Equal to
    TRL's RewardTrainer.
    """

    Config = Config
    row: ClassVar[type[Row]] = Preference
    kinds: ClassVar[frozenset[Kind]] = frozenset({"sequence_classifier"})
    roles: ClassVar[frozenset[str]] = frozenset({"policy"})
    problem: ClassVar[str] = "regression"
    additive: ClassVar[bool] = True
    unit: str = "pairs"
    is_default: ClassVar[bool] = False
    usual: ClassVar[Usual] = Usual(epochs=(1, 3), rate=0.3)

    def __init__(self, config: Config) -> None:
        self.config = config

    def labels(self) -> tuple[str, ...]:
        """One score."""
        return ("reward",)

    def prepare(self, row: Row, codec: Codec, *, index: int) -> Features:
        """Both answers behind the prompt, and the margin between them.

        Raises: DataError: both are the same for the model. MaskError: the template drops words.
        """
        assert isinstance(row, Preference)
        found = self._told(row, codec, index)
        arrays = {_MARGIN: np.array(row.margin, np.float32)}
        return Features(index, found.input_ids, label=1, sequences=found.sequences, arrays=arrays)

    def _told(self, row: Preference, codec: Codec, index: int) -> Features:
        if codec.has_template or self.config.template == "plain":
            return pair_of(row, codec, index=index, template=self.config.template)
        prompt = dialogue(row.messages)
        both = [codec.encode(prompt, _said(turns)) for turns in (row.chosen, row.rejected)]
        if np.array_equal(both[0], both[1]):
            raise DataError(
                f"{row.origin}: chosen and rejected are the same {len(both[0])} tokens for this "
                "model, so there is nothing to prefer. Delete the row"
            )
        return Features(index, np.concatenate(both), sequences=(len(both[0]), len(both[1])))

    def collate(self, features: Sequence[Features]) -> Batch:
        """Chosen and rejected of each row end to end; `labels` (B,) is IGNORE where none counts."""
        return flatten(
            list(features),
            labels=torch.tensor([item.label for item in features]),
            margins=torch.tensor([float(item.arrays[_MARGIN]) for item in features]),
        )

    def loss(self, models: Roles, batch: Batch) -> Loss:
        """Loss of the pairs, with scores, margin and accuracy."""
        scores_B2 = self.outputs(models.policy, batch)
        counted_B = (batch.tensors["labels"] != IGNORE).float()
        margins_B = batch.tensors["margins"] * float(self.config.use_margins)
        loss_B = pairwise(scores_B2, margins_B, centring=self.config.center_coefficient)
        metrics = preferences(scores_B2, counted_B)
        return Loss((loss_B * counted_B).sum(), counted_B.sum(), metrics)

    def outputs(self, policy: Bundle, batch: Batch) -> Tensor:
        """Scores of chosen and rejected (B, 2); (B, 1) for rows that are one answer each."""
        return policy.trunk.scores(batch).view(len(batch.rows), -1)


def pairwise(scores_B2: Tensor, margins_B: Tensor, *, centring: float) -> Tensor:
    """Loss of each pair (B,). Source: see `Reward`."""
    ahead_B = scores_B2[:, 0] - scores_B2[:, 1] - margins_B
    return -logsigmoid(ahead_B) + centring * scores_B2.sum(1).square()


def _said(turns: Sequence[Message]) -> str:
    return "\n".join(turn.content for turn in turns if turn.role == "assistant")
