"""Proximal policy optimisation: a value head says what to expect, and better than that is good.

Source: Schulman et al. 2017, arXiv:1707.06347, with advantages of Schulman et al. 2016,
arXiv:1506.02438; the divergence from the model before tuning is taken off the reward of each token,
as in Stiennon et al. 2020, arXiv:2009.01325. Unlike there the value head reads the hidden states of
the policy itself, and by default does not move them: one model in memory, not three.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from luthier.core.seeds import derive
from luthier.data.features import Batch, Features
from luthier.models.bundle import Bundle
from luthier.objectives import _completions as completions
from luthier.objectives import _rollouts as rollouts
from luthier.objectives import objectives
from luthier.objectives._exploring import Experience
from luthier.objectives._graded import Graded
from luthier.objectives.contract import Loss, Roles, Usual
from luthier.ops import policy as ops

NAMES: tuple[str, ...] = ("advantage", "old", "reference", "value", "return")
"""Of the arrays beside every completion token."""


class Config(rollouts.RolloutConfig):
    """Learning from the score of one completion, token by token."""

    beta: float = Field(0.05, ge=0)
    """Weight of the divergence from the model before tuning, taken off the reward of each token;
    0: nobody asks that model."""
    clip_low: float = Field(0.2, gt=0, lt=1)
    """How far the probability of a token may fall in one batch of completions."""
    clip_high: float = Field(0.2, gt=0)
    """How far it may rise."""
    updates: int = Field(4, ge=1)
    """Updates made with the same completions."""
    discount: float = Field(1.0, gt=0, le=1)
    """What a reward is worth one token earlier (gamma)."""
    smoothing: float = Field(0.95, ge=0, le=1)
    """From 0, trust the value head, to 1, trust the score (lambda)."""
    value_weight: float = Field(0.1, gt=0)
    """Weight of the value head's loss."""
    value_clip: float = Field(0.2, gt=0)
    """How far a value may move in one batch of completions."""
    values_move_model: bool = False
    """Whether the value head's loss also moves the model it reads."""


@objectives.add
class Ppo(Graded[Config]):
    """**Rows**: Prompt. **Unit**: prompts, each with one completion of the model's own; a mean over
    completion tokens. **Roles**: policy, reference. **Relations**: `grpo` needs no value head, and
    several completions of each prompt. Prefer ppo where prompts are many and completions dear.
    """

    Config = Config
    unit: str = "tokens"
    is_default: ClassVar[bool] = False
    usual: ClassVar[Usual] = Usual(batch_size=32, steps=200, epochs=(1, 8), rate=0.2)

    def collate(self, features: Sequence[Features]) -> Batch:
        """Completions behind their prompts, with what was known of their tokens."""
        return completions.collate(features, *NAMES)

    def loss(self, models: Roles, batch: Batch) -> Loss:
        """Clipped surrogate of the advantages, and the clipped error of the values."""
        config, tensors = self.config, batch.tensors
        hidden_MD = models.policy.trunk.hidden(batch, tensors["at"])
        logprobs_M = completions.logprobs_of(
            models.policy, hidden_MD, batch, temperature=config.temperature
        )
        policy_M, clipped_M = ops.clipped_surrogate(
            logprobs_M,
            tensors["old"],
            tensors["advantage"],
            clip_low=config.clip_low,
            clip_high=config.clip_high,
        )
        seen_MD = hidden_MD if config.values_move_model else hidden_MD.detach()
        values_M = values_of(models, seen_MD)
        value_M = ops.clipped_value_loss(
            values_M, tensors["value"], tensors["return"], clip=config.value_clip
        )
        total_M = policy_M + config.value_weight * value_M
        number = tensors["weights"].sum()
        now_M = logprobs_M.detach()
        metrics = {
            "entropy": (-now_M.sum(), number),
            "clipped_share": (clipped_M.sum(), number),
            "value_loss": (value_M.detach().sum(), number),
        }
        if config.beta:
            apart_M = ops.divergence(now_M, tensors["reference"], kind="k3")
            metrics["kl"] = (apart_M.sum(), number)
        return Loss((total_M * tensors["weights"]).sum(), number, metrics)

    # --- exploring ----------------------------------------------------------------------------

    @property
    def updates_per_exploration(self) -> int:
        return self.config.updates

    def companion(self, policy: Bundle) -> nn.Module:
        """The value head: one number from each hidden state, 0 at first."""
        head = nn.Linear(policy.facts.hidden_size, 1)
        nn.init.zeros_(head.weight)
        nn.init.zeros_(head.bias)
        return head.to(next(policy.model.parameters()).device)

    def imagine(self, features: Features, *, context: int) -> list[Features]:
        """One completion of the greatest length."""
        number = self.config.max_new_tokens
        known = dict.fromkeys(NAMES, np.zeros(number, np.float32))
        return [completions.longest(features, number, context=context, **known)]

    def explore(
        self, models: Roles, features: Sequence[Features], *, step: int, seed: int
    ) -> Experience:
        """One completion for each prompt; how much better every token did than was expected."""
        del step
        found = rollouts.roll_out(
            models.policy, self.grader, features, self.config, seed=derive(seed, "rollouts")
        )
        said = [item for item in found if len(item.ids)]
        rows = [_row(item) for item in said]
        heat = self.config.temperature
        old, values = self._expected(models, rows)
        reference = old  # nothing is taken off, and nobody asked
        if self.config.beta:
            reference = completions.reference_logprobs(models, rows, temperature=heat)
        advantages, returns = self._compared(said, old, reference, values)
        columns = dict(zip(NAMES, (advantages, old, reference, values, returns), strict=True))
        means = {item.prompt.row: float(a.mean()) for item, a in zip(said, advantages, strict=True)}
        records = [item.record(advantage=means.get(item.prompt.row, 0.0)) for item in found]
        return Experience(completions.with_columns(rows, columns), records, rollouts.summary(found))

    @torch.no_grad()
    def _expected(
        self, models: Roles, rows: Sequence[Features]
    ) -> tuple[list[NDArray[np.float32]], list[NDArray[np.float32]]]:
        """Log-probabilities and values of completion tokens, before anything moves."""
        old: dict[int, NDArray[np.float32]] = {}
        values: dict[int, NDArray[np.float32]] = {}
        for places, batch, hidden_MD in completions.passes(models.policy, rows):
            logprobs_M = completions.logprobs_of(
                models.policy, hidden_MD, batch, temperature=self.config.temperature
            )
            old |= completions.by_row(places, logprobs_M, rows)
            values |= completions.by_row(places, values_of(models, hidden_MD), rows)
        order = range(len(rows))
        return [old[at] for at in order], [values[at] for at in order]

    def _compared(
        self,
        said: Sequence[rollouts.Rollout],
        old: Sequence[NDArray[np.float32]],
        reference: Sequence[NDArray[np.float32]],
        values: Sequence[NDArray[np.float32]],
    ) -> tuple[list[NDArray[np.float32]], list[NDArray[np.float32]]]:
        """Advantages, standardised over all tokens, and what the values should have been."""
        config = self.config
        raw: list[Tensor] = []
        returns: list[NDArray[np.float32]] = []
        for item, old_T, reference_T, values_T in zip(said, old, reference, values, strict=True):
            rewards_T = torch.from_numpy(-config.beta * (old_T - reference_T))
            rewards_T[-1] += item.reward
            expected_T = torch.from_numpy(values_T)
            found_T = ops.generalised_advantages(
                rewards_T, expected_T, discount=config.discount, smoothing=config.smoothing
            )
            raw.append(found_T)
            returns.append((found_T + expected_T).numpy())
        every = torch.cat(raw)
        spread = every.std() if len(every) > 1 else every.new_ones(())
        return [((one - every.mean()) / (spread + 1e-8)).numpy() for one in raw], returns


def values_of(models: Roles, hidden_MD: Tensor) -> Tensor:
    """What the value head expects from each hidden state on (M,), float32."""
    assert models.companion is not None
    return models.companion(hidden_MD.float())[:, 0]


def _row(item: rollouts.Rollout) -> Features:
    return completions.completed(item.prompt, item.ids, np.ones(len(item.ids), np.float32), {})
