"""Odds-ratio preference optimisation: instruction tuning and preference in one loss."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import logsigmoid

from luthier.core.config import ComponentConfig
from luthier.data.features import Batch, Features
from luthier.data.rows import Preference, Row
from luthier.models.bundle import Bundle, Codec, Kind
from luthier.objectives import objectives
from luthier.objectives._pairs import (
    Said,
    Template,
    collate_answers,
    counted,
    pair_of,
    preferences,
    say,
)
from luthier.objectives.contract import Loss, Roles, Usual


class Config(ComponentConfig):
    """Odds-ratio preference optimisation."""

    beta: float = Field(0.1, ge=0)
    """Weight of the odds ratio beside the likelihood (lambda in the paper); usual 0.1 to 1."""
    nll_of: Literal["answer", "conversation"] = "answer"
    """What the likelihood is of: the chosen answer, or the prompt before it too (as TRL has it)."""
    template: Template = "auto"
    """auto: the model's own chat template; plain: turns as plain text, for base models."""


@objectives.add
class Orpo:
    """**Rows**: Preference. **Unit**: pairs. **Roles**: policy. **Relations**: `sft` on the chosen
    answers, plus a term against the rejected ones; `dpo` and `simpo` start from a model that was
    instruction-tuned before. Prefer it to tune a base model in one go.

    Source: Hong et al. 2024, arXiv:2403.07691, eq. 6 and 7. Equal to TRL's ORPOTrainer; the
    likelihood is a mean over pairs, where TRL takes the tokens of a batch.
    """

    Config = Config
    row: ClassVar[type[Row]] = Preference
    kinds: ClassVar[frozenset[Kind]] = frozenset({"causal_lm"})
    roles: ClassVar[frozenset[str]] = frozenset({"policy"})
    additive: ClassVar[bool] = True
    unit: str = "pairs"
    is_default: ClassVar[bool] = False
    usual: ClassVar[Usual] = Usual(epochs=(1, 3), rate=0.5)

    def __init__(self, config: Config) -> None:
        self.config = config

    def prepare(self, row: Row, codec: Codec, *, index: int) -> Features:
        """Both answers with their proved masks.

        Raises: DataError: nothing to prefer. MaskError: a mask cannot be proved.
        """
        return pair_of(row, codec, index=index, template=self.config.template)

    def collate(self, features: Sequence[Features]) -> Batch:
        """Chosen and rejected of each row end to end."""
        return collate_answers(features, prompts=self.config.nll_of == "conversation")

    def loss(self, models: Roles, batch: Batch) -> Loss:
        """Likelihood of the chosen answers and odds of both, with margin and accuracy."""
        num = len(batch.lengths)
        said = say(models.policy, batch, num=2 * num)  # prompts come behind the answers
        answers = Said(said.logprobs_S[:num], said.tokens_S[:num])
        means_B2, counted_B = answers.per_token.view(-1, 2), counted(answers)
        whole = Said(*(x[:num] + x[num:] for x in (said.logprobs_S, said.tokens_S)))
        nll_B = -whole.per_token.view(-1, 2)[:, 0]
        odds_B = log_odds(means_B2[:, 0]) - log_odds(means_B2[:, 1])
        loss_B = nll_B - self.config.beta * logsigmoid(odds_B)
        metrics = preferences(means_B2, counted_B, chosen_nll=nll_B, log_odds_ratio=odds_B)
        return Loss((loss_B * counted_B).sum(), counted_B.sum(), metrics)

    def outputs(self, policy: Bundle, batch: Batch) -> Tensor:
        """Log-probabilities per token of chosen and rejected (B, 2)."""
        num = len(batch.lengths)
        said = say(policy, batch, num=2 * num)
        return Said(said.logprobs_S[:num], said.tokens_S[:num]).per_token.view(-1, 2)


def log_odds(logprobs_B: Tensor) -> Tensor:
    """log(p / (1 - p)) of log p, exact for p near 0 and near 1 alike.

    Source: Maechler 2012, "Accurately computing log(1 - exp(-|a|))".
    """
    below_B = logprobs_B.clamp_max(-1e-7)  # p = 1 has no odds
    rest_B = torch.where(
        below_B > -0.6931472, (-torch.expm1(below_B)).log(), torch.log1p(-below_B.exp())
    )
    return below_B - rest_B
