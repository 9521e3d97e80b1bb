"""Direct preference optimisation: prefer the chosen answer more than the untuned model does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import torch
from numpy.typing import NDArray
from pydantic import Field, model_validator
from torch import Tensor
from torch.nn.functional import logsigmoid

from luthier.core.config import Auto, ComponentConfig
from luthier.data.features import Batch, Features
from luthier.data.rows import Preference, Row
from luthier.models.bundle import Bundle, Codec, Kind
from luthier.objectives import objectives
from luthier.objectives._others import BASE, Other, reference_in
from luthier.objectives._pairs import (
    REFERENCE,
    Template,
    collate_answers,
    counted,
    pair_of,
    preferences,
    reference_logprobs,
    say,
)
from luthier.objectives.contract import Loss, Roles, Usual

Form = Literal["sigmoid", "ipo", "hinge"]
Smoothing = Literal["conservative", "robust"]


class Config(ComponentConfig):
    """Direct preference optimisation and its relatives."""

    beta: float = Field(0.1, gt=0)
    """How closely the model is held to what it was; usual 0.01 to 0.5. For ipo the regularisation
    that its authors call tau."""
    loss: Form = "sigmoid"
    """sigmoid: DPO; ipo: squared distance to a fixed margin, which cannot run away; hinge: nothing
    is learned from a pair that is far enough apart (SLiC)."""
    label_smoothing: float = Field(0.0, ge=0, lt=0.5)
    """Share of pairs taken to be labelled the wrong way round."""
    smoothing: Smoothing = "conservative"
    """conservative: be less sure (cDPO); robust: correct for the noise without bias (rDPO)."""
    length_normalised: bool | Auto = "auto"
    """Compare log-probabilities per token, so that length alone earns nothing; auto: for ipo."""
    rpo_alpha: float = Field(0.0, ge=0)
    """Weight of the chosen answer's own negative log-likelihood per token, which keeps it likely
    (RPO); usual 0.2 to 1."""
    reference: str = BASE
    """base: the model before tuning; else another one with the same tokens, by hub name, folder,
    .gguf file, pypi:PACKAGE or alias: it is asked once, before training, and let go of."""
    template: Template = "auto"
    """auto: the model's own chat template; plain: turns as plain text, for base models."""

    @model_validator(mode="after")
    def _can_be_smoothed(self) -> Config:
        if self.label_smoothing and self.loss != "sigmoid":
            raise ValueError(f"label_smoothing is for loss 'sigmoid', got '{self.loss}'; leave out")
        if self.smoothing == "robust" and not self.label_smoothing:
            raise ValueError(
                "smoothing: got 'robust', but label_smoothing is 0, so nothing is smoothed; set it "
                "to the share of pairs that may be the wrong way round, or leave smoothing out"
            )
        return self


@objectives.add
class Dpo:
    """**Rows**: Preference. **Unit**: pairs. **Roles**: policy; the reference is asked once,
    before training. **Relations**: `simpo` and `orpo` need no reference, `kto` no pairs,
    `reward` gives scores instead of an answering model. Prefer it as the first choice for pairs.

    Source: Rafailov et al. 2023, arXiv:2305.18290, eq. 7; Azar et al. 2023, arXiv:2310.12036, eq.
    17; Zhao et al. 2023, arXiv:2305.10425; Mitchell 2023, "A note on DPO with noisy preferences";
    Chowdhury et al. 2024, arXiv:2403.00409; Pang et al. 2024, arXiv:2404.19733, eq. 1.
    """

    Config = Config
    row: ClassVar[type[Row]] = Preference
    kinds: ClassVar[frozenset[Kind]] = frozenset({"causal_lm"})
    roles: ClassVar[frozenset[str]] = frozenset({"policy"})
    asks: ClassVar[frozenset[str]] = frozenset({"reference"})
    additive: ClassVar[bool] = True
    unit: str = "pairs"
    is_default: ClassVar[bool] = True
    usual: ClassVar[Usual] = Usual(epochs=(1, 3), rate=0.1)

    def __init__(self, config: Config) -> None:
        self.config = config

    @property
    def others(self) -> Mapping[str, Other]:
        """The reference, where it is another model than the one before tuning."""
        return reference_in(self.config.reference)

    @classmethod
    def resolve(cls, config: Config, rows: Sequence[Row]) -> dict[str, tuple[object, str]]:
        """Whether lengths are normalised."""
        del rows
        if config.length_normalised != "auto":
            return {}
        if config.loss == "ipo":
            return {"length_normalised": (True, "ipo's margin would grow with the answers' length")}
        return {"length_normalised": (False, f"as '{config.loss}' was published")}

    def prepare(self, row: Row, codec: Codec, *, index: int) -> Features:
        """Both answers with their proved masks.

        Raises: DataError: nothing to prefer. MaskError: a mask cannot be proved.
        """
        return pair_of(row, codec, index=index, template=self.config.template)

    def collate(self, features: Sequence[Features]) -> Batch:
        """Chosen and rejected of each row end to end."""
        return collate_answers(features)

    def loss(self, models: Roles, batch: Batch) -> Loss:
        """Loss of the pairs, with implicit rewards, margin and accuracy."""
        config, said = self.config, say(models.policy, batch)
        ratios_S = said.logprobs_S - batch.tensors[REFERENCE]
        if config.length_normalised is True:
            ratios_S = ratios_S / said.tokens_S.clamp_min(1e-6)
        rewards_B2 = config.beta * ratios_S.detach().view(-1, 2)
        ratios_B2, counted_B = ratios_S.view(-1, 2), counted(said)
        loss_B = pair_loss(
            ratios_B2[:, 0] - ratios_B2[:, 1],
            config.beta,
            form=config.loss,
            smoothing=config.smoothing,
            share=config.label_smoothing,
        )
        chosen_nll_B = -said.per_token.view(-1, 2)[:, 0]
        if config.rpo_alpha:
            loss_B = loss_B + config.rpo_alpha * chosen_nll_B
        metrics = preferences(rewards_B2, counted_B, chosen_nll=chosen_nll_B)
        return Loss((loss_B * counted_B).sum(), counted_B.sum(), metrics)

    def constants(self, models: Roles, batch: Batch) -> Mapping[str, Sequence[NDArray[Any]]]:
        """Log-probabilities of both answers under the model before tuning."""
        return reference_logprobs(models, batch)

    def outputs(self, policy: Bundle, batch: Batch) -> Tensor:
        """Log-probabilities of chosen and rejected (B, 2), per token where these are compared."""
        said = say(policy, batch)
        is_mean = self.config.length_normalised is True
        return (said.per_token if is_mean else said.logprobs_S).view(-1, 2)


def pair_loss(
    margin_B: Tensor, beta: float, *, form: Form, smoothing: Smoothing, share: float
) -> Tensor:
    """Loss of each pair (B,) from the margin between its two log-ratios.

    Source: of the form, see `Dpo`. Equal to TRL's DPOTrainer with loss_type sigmoid, ipo (of
    margins per token), hinge and robust.
    """
    if form == "ipo":
        return (margin_B - 1 / (2 * beta)).square()
    scaled_B = beta * margin_B
    if form == "hinge":
        return torch.relu(1 - scaled_B)
    right_B, wrong_B = -logsigmoid(scaled_B), -logsigmoid(-scaled_B)
    if smoothing == "robust":
        return ((1 - share) * right_B - share * wrong_B) / (1 - 2 * share)
    return (1 - share) * right_B + share * wrong_B
