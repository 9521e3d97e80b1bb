"""Group-relative policy optimisation: a completion is good that beats the others of its prompt.

Source: Shao et al. 2024, arXiv:2402.03300, equation 3. Variants: Dr. GRPO (Liu et al. 2025,
arXiv:2503.20783), DAPO's token mean and higher clip (Yu et al. 2025, arXiv:2503.14476), RLOO
(Ahmadian et al. 2024, arXiv:2402.14740; here with a ratio per token, the same on fresh samples).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, field_validator
from torch import Tensor, nn

from luthier.core.errors import RecipeError
from luthier.core.seeds import derive
from luthier.data.features import Batch, Features
from luthier.graders import Review
from luthier.models.bundle import Bundle
from luthier.objectives import _completions as completions
from luthier.objectives import _rollouts as rollouts
from luthier.objectives import objectives
from luthier.objectives._exploring import Experience
from luthier.objectives._graded import Graded
from luthier.objectives.contract import Loss, Roles, Usual
from luthier.ops import policy as ops

Variant = Literal["grpo", "dr_grpo", "dapo", "rloo"]


class Config(rollouts.RolloutConfig):
    """Learning from the scores of several completions of the same prompt."""

    variant: Variant = "grpo"
    """grpo: standardised scores, mean over each completion; dr_grpo: centred scores, tokens over
    max_new_tokens; dapo: standardised scores, mean over all tokens; rloo: against the mean of the
    other completions, summed over each completion."""
    group_size: int = Field(8, ge=2)
    """Completions of each prompt."""
    kl: ops.Divergence = "k3"
    """How that divergence is estimated from the tokens drawn. k2: its gradient is that of
    KL(policy | reference); k3: never far off, its gradient is that of KL(reference | policy)."""
    clip_low: float = Field(0.2, gt=0, lt=1)
    """How far the probability of a token may fall in one batch of completions."""
    clip_high: float = Field(0.2, gt=0)
    """How far it may rise; DAPO's clip-higher is 0.28."""
    updates: int = Field(1, ge=1)
    """Updates made with the same completions; from 2 on the clip has work to do."""
    truncated: Literal["learn", "mask"] = "learn"
    """Whether completions that were cut are learned from."""

    @field_validator("kl", mode="before")
    @classmethod
    def _pulls_back(cls, value: object) -> object:
        if value == "k1":
            raise ValueError(
                "got 'k1', whose gradient in a loss is 0 on average: nothing would hold the model "
                "back. Use k2 or k3; ppo takes k1 off the reward, where it works"
            )
        return value


@objectives.add
class Grpo(Graded[Config]):
    """**Rows**: Prompt. **Unit**: prompts, each with `group_size` completions of the model's own.
    **Roles**: policy, reference. **Relations**: `ppo` learns values of tokens as well; `sft` where
    the answers themselves are given. Prefer it where an answer is easier to check than to write.
    """

    Config = Config
    is_default: ClassVar[bool] = True
    usual: ClassVar[Usual] = Usual(batch_size=8, steps=100, rate=0.2)

    @property
    def unit(self) -> str:
        """Tokens of completions, or completions whatever their length."""
        return "tokens" if self.config.variant == "dapo" else "completions"

    def collate(self, features: Sequence[Features]) -> Batch:
        """Completions behind their prompts, with advantages and earlier log-probabilities."""
        batch = completions.collate(features, *_compared_with(self.config))
        counts = [float(item.arrays["count"][0]) for item in features if item.num_trained]
        batch.tensors["count"] = torch.tensor(counts)
        return batch

    def loss(self, models: Roles, batch: Batch) -> Loss:
        """Clipped surrogate of the advantages, and the divergence from the reference."""
        config, tensors = self.config, batch.tensors
        hidden_MD = models.policy.trunk.hidden(batch, tensors["at"])
        logprobs_M = completions.logprobs_of(
            models.policy, hidden_MD, batch, temperature=config.temperature
        )
        # nan: nobody looked at these log-probabilities before, so they are those of now
        old_M = torch.where(tensors["old"].isnan(), logprobs_M.detach(), tensors["old"])
        losses_M, clipped_M = ops.clipped_surrogate(
            logprobs_M,
            old_M,
            tensors["advantage"],
            clip_low=config.clip_low,
            clip_high=config.clip_high,
        )
        number = logprobs_M.new_tensor(float(len(logprobs_M)))
        metrics: dict[str, tuple[Tensor, Tensor]] = {}
        if config.beta:
            apart_M = ops.divergence(logprobs_M, tensors["reference"], kind=config.kl)
            losses_M = losses_M + config.beta * apart_M
            known_M = ops.divergence(logprobs_M.detach(), tensors["reference"], kind="k3")
            metrics["kl"] = (known_M.sum(), number)
        metrics |= {
            "entropy": (-logprobs_M.detach().sum(), number),
            "clipped_share": (clipped_M.sum(), number),
        }
        return Loss((losses_M * tensors["weights"]).sum(), tensors["count"].sum(), metrics)

    # --- exploring ----------------------------------------------------------------------------

    @property
    def updates_per_exploration(self) -> int:
        return self.config.updates

    @property
    def num_tried(self) -> int:
        return self.config.group_size

    def vet(self, features: Sequence[Features], *, context: int) -> list[str]:
        notes = super().vet(features, context=context)
        if self.config.updates == 1 and _is_clip_set(self.config):
            notes.append(
                "objective.clip_low and clip_high have no effect with objective.updates=1: the "
                "model has not moved yet when it learns from its completions. Set updates to 2 or "
                "more for the clip to have work to do"
            )
        return notes

    def try_out(self, models: Roles, features: Sequence[Features], *, seed: int) -> Review:
        """What the grader makes of the untrained model's answers.

        Raises: DataError: the grader is broken. RecipeError: all of them are cut, and would be
            masked.
        """
        found = super().try_out(models, features, seed=seed)
        if self.config.truncated == "mask" and found.cut_share == 1:
            raise RecipeError(
                f"recipe objective.truncated: got 'mask', but all {found.num} answers that were "
                f"tried were cut at objective.max_new_tokens ({self.config.max_new_tokens}), so "
                "nothing would be learned. Allow longer ones, or set truncated to learn"
            )
        return found

    def companion(self, policy: Bundle) -> nn.Module | None:
        """None: the group takes the place of a value head."""
        del policy
        return None

    def imagine(self, features: Features, *, context: int) -> list[Features]:
        """A group of completions of the greatest length."""
        number = self.config.max_new_tokens
        known = self._arrays(0.0, number, np.zeros(number, np.float32))
        row = completions.longest(features, number, context=context, **known)
        return [row] * self.config.group_size

    def explore(
        self, models: Roles, features: Sequence[Features], *, step: int, seed: int
    ) -> Experience:
        """A group of completions for each prompt, and how much better each is than the others."""
        config = self.config
        del step
        found = rollouts.roll_out(
            models.policy,
            self.grader,
            features,
            config,
            seed=derive(seed, "rollouts"),
            times=config.group_size,
        )
        rewards_BG = torch.tensor([item.reward for item in found]).view(-1, config.group_size)
        advantages = ADVANTAGES[config.variant](rewards_BG).flatten().tolist()
        pairs = zip(found, advantages, strict=True)
        rows = [self._learned(item, advantage) for item, advantage in pairs if len(item.ids)]
        rows = self._looked_at(models, rows)
        undecided = float((rewards_BG.amax(1) == rewards_BG.amin(1)).float().mean())
        records = [
            item.record(advantage=round(advantage, 6))
            for item, advantage in zip(found, advantages, strict=True)
        ]
        return Experience(rows, records, {**rollouts.summary(found), "undecided_share": undecided})

    def _learned(self, item: rollouts.Rollout, advantage: float) -> Features:
        weights, count = token_weights(self.config.variant, len(item.ids), self.config)
        if self.config.truncated == "mask" and not item.completion.finished:
            weights = np.zeros_like(weights)
        known = self._arrays(advantage, count, np.full(len(item.ids), np.nan, np.float32))
        return completions.completed(item.prompt, item.ids, weights, known)

    def _arrays(
        self, advantage: float, count: float, old: NDArray[np.float32]
    ) -> dict[str, NDArray[np.float32]]:
        found = {"advantage": advantage, "count": count}
        arrays = {name: np.array([value], np.float32) for name, value in found.items()}
        return {**arrays, "old": old, "reference": np.zeros_like(old)}

    def _looked_at(self, models: Roles, rows: Sequence[Features]) -> list[Features]:
        """Rows with the log-probabilities of the reference, and, where the policy will move before
        all updates are made, its own."""
        heat = self.config.temperature
        columns: dict[str, list[NDArray[np.float32]]] = {}
        if self.config.beta:
            columns["reference"] = completions.reference_logprobs(models, rows, temperature=heat)
        if self.config.updates > 1:
            columns["old"] = completions.frozen_logprobs(models.policy, rows, temperature=heat)
        return completions.with_columns(rows, columns)


ADVANTAGES = {
    "grpo": ops.standardised,
    "dapo": ops.standardised,
    "dr_grpo": ops.centred,
    "rloo": ops.leave_one_out,
}


def _is_clip_set(config: Config) -> bool:
    usual = Config.model_fields
    return any(getattr(config, n) != usual[n].default for n in ("clip_low", "clip_high"))


def _compared_with(config: Config) -> tuple[str, ...]:
    """Names of the arrays beside completion tokens that the loss reads."""
    return ("advantage", "old", "reference") if config.beta else ("advantage", "old")


def token_weights(
    variant: Variant, length: int, config: Config
) -> tuple[NDArray[np.float32], float]:
    """Weight of each token of a completion, and what the completion counts for in the mean."""
    found = {
        "grpo": (1.0 / length, 1.0),
        "dapo": (1.0, float(length)),
        "dr_grpo": (1.0 / config.max_new_tokens, 1.0),
        "rloo": (1.0, 1.0),
    }[variant]
    return np.full(length, found[0], np.float32), found[1]
