"""Simple preference optimisation: likelihood per token as the reward, and a margin to reach."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from pydantic import Field
from torch import Tensor
from torch.nn.functional import logsigmoid

from luthier.core.config import ComponentConfig
from luthier.data.features import Batch, Features
from luthier.data.rows import Preference, Row
from luthier.models.bundle import Bundle, Codec, Kind
from luthier.objectives import objectives
from luthier.objectives._pairs import (
    Template,
    collate_answers,
    counted,
    pair_of,
    preferences,
    say,
)
from luthier.objectives.contract import Loss, Roles, Usual


class Config(ComponentConfig):
    """Preference optimisation without a reference."""

    beta: float = Field(2.0, gt=0)
    """Scale of the log-probabilities per token; usual 2 to 2.5, up to 10."""
    gamma: float = Field(1.0, ge=0)
    """Margin by which chosen shall be ahead; usual 0.3 to 0.5 times beta, at most beta."""
    sft_alpha: float = Field(0.0, ge=0)
    """Weight of the chosen answer's own negative log-likelihood per token (CPO-SimPO)."""
    template: Template = "auto"
    """auto: the model's own chat template; plain: turns as plain text, for base models."""


@objectives.add
class Simpo:
    """**Rows**: Preference. **Unit**: pairs. **Roles**: policy. **Relations**: `dpo` holds on to
    the untuned model, which this does not: cheaper, and freer to forget. Prefer it where long
    answers win by length alone, or where the untuned model is not at hand.

    Source: Meng et al. 2024, arXiv:2405.14734, eq. 6. Equal to TRL's CPOTrainer with loss_type
    simpo; the likelihood term is a mean over pairs, where TRL takes the tokens of a batch.
    Its rate is three times that of `dpo`: on 300 pairs of HH harmless the least validation loss was
    1.280, and 1.459 at the rate of `dpo`.
    """

    Config = Config
    row: ClassVar[type[Row]] = Preference
    kinds: ClassVar[frozenset[Kind]] = frozenset({"causal_lm"})
    roles: ClassVar[frozenset[str]] = frozenset({"policy"})
    additive: ClassVar[bool] = True
    unit: str = "pairs"
    is_default: ClassVar[bool] = False
    usual: ClassVar[Usual] = Usual(epochs=(1, 3), rate=0.3)

    def __init__(self, config: Config) -> None:
        self.config = config

    def prepare(self, row: Row, codec: Codec, *, index: int) -> Features:
        """Both answers with their proved masks.

        Raises: DataError: nothing to prefer. MaskError: a mask cannot be proved.
        """
        return pair_of(row, codec, index=index, template=self.config.template)

    def collate(self, features: Sequence[Features]) -> Batch:
        """Chosen and rejected of each row end to end."""
        return collate_answers(features)

    def loss(self, models: Roles, batch: Batch) -> Loss:
        """Loss of the pairs, with rewards, margin and accuracy."""
        config, said = self.config, say(models.policy, batch)
        means_B2, counted_B = said.per_token.view(-1, 2), counted(said)
        rewards_B2 = config.beta * means_B2
        loss_B = -logsigmoid(rewards_B2[:, 0] - rewards_B2[:, 1] - config.gamma)
        if config.sft_alpha:
            loss_B = loss_B - config.sft_alpha * means_B2[:, 0]
        metrics = preferences(rewards_B2, counted_B, chosen_nll=-means_B2[:, 0])
        return Loss((loss_B * counted_B).sum(), counted_B.sum(), metrics)

    def outputs(self, policy: Bundle, batch: Batch) -> Tensor:
        """Log-probabilities per token of chosen and rejected (B, 2): the reward, but for beta."""
        return say(policy, batch).per_token.view(-1, 2)
