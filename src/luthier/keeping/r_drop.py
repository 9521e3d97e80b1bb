"""Two passes with other dropout over every training row, whose answers must agree.

Letters: N rows or words, C scores of each.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from luthier.core.config import ComponentConfig
from luthier.core.errors import RecipeError
from luthier.data.features import Batch
from luthier.keeping import keepers
from luthier.keeping.contract import Setting
from luthier.models.bundle import Kind
from luthier.objectives import Headed, Loss, Roles
from luthier.ops.divergence import generalised_jsd


class Config(ComponentConfig):
    """Regularised dropout."""

    alpha: float = Field(1.0, gt=0)
    """Weight of the disagreement; usual 0.5 to 5."""


@keepers.add
class RDrop:
    """Mean of the losses of two passes, plus alpha / 4 times the sum of both KL divergences
    between their scores, per row. Twice the time of a training step; it needs a model with dropout.
    Classes that compete are one distribution; labels decided each for itself are many, and count
    as their mean; a single number is the mean of a normal distribution of deviation 1.
    Source: Liang et al. 2021, arXiv:2106.14448, equation 4, halved so that the loss keeps its size.
    """

    Config = Config
    short: ClassVar[str] = "alpha"
    kinds: ClassVar[frozenset[Kind]] = frozenset({"sequence_classifier", "token_classifier"})
    changes_inputs: ClassVar[bool] = False

    def __init__(self, config: Config) -> None:
        self.config = config
        self._problem = ""
        self._was_dropped = False

    def prepare(self, setting: Setting) -> None:
        """What the scores mean."""
        self._architecture, self._device = setting.bundle.facts.architecture, setting.device
        objective = setting.objective
        self._problem = objective.problem if isinstance(objective, Headed) else ""

    def around(self, models: Roles, batch: Batch, run: Callable[[Roles], Loss]) -> Loss:
        """The loss of two passes and their disagreement.

        Raises: RecipeError: nothing was dropped in them.
        """
        del batch
        recorder = _Recorder(models.policy.trunk)
        watched = replace(models, policy=replace(models.policy, trunk=recorder))
        before = None if self._was_dropped else _generator_state(self._device)
        first, second = run(watched), run(watched)
        one, other = (scores.float() for scores in recorder.heard)
        if before is not None:
            is_drawn = not torch.equal(before, _generator_state(self._device))
            self._refuse_alike(one, other, is_drawn=is_drawn)
        mean = disagreement(one, other, problem=self._problem).mean() * first.count
        total = (first.sum + second.sum) / 2 + self.config.alpha / 4 * mean
        metrics = {**second.metrics, "r_drop": (mean.detach() / 2, first.count)}
        return Loss(total, first.count, metrics)

    def _refuse_alike(self, one_NC: Tensor, other_NC: Tensor, *, is_drawn: bool) -> None:
        """Nothing, unless both passes agree because none has dropout; a small share may by chance
        drop nothing from a batch, but it is drawn.

        Raises: RecipeError: with where dropout comes from.
        """
        if not is_drawn and torch.equal(one_NC, other_NC):
            raise RecipeError(
                "recipe keep.r_drop: two passes over the same rows gave the same scores, as "
                f"nothing that trains in this {self._architecture} has dropout: there is nothing "
                "that could disagree. Leave it out, or give the model dropout: keep.dropout where "
                "it has such layers, or tuner.dropout with tuner=lora"
            )
        self._was_dropped = True


def _generator_state(device: torch.device) -> Tensor:
    """Of the random numbers that dropout on this device is drawn from."""
    is_cuda = device.type == "cuda"
    return torch.cuda.get_rng_state(device) if is_cuda else torch.get_rng_state()


def disagreement(one_NC: Tensor, other_NC: Tensor, *, problem: str) -> Tensor:
    """Both KL divergences between the distributions that scores stand for, added (N,), in nats.

    Args: problem: as transformers names it; of any other the C scores are one distribution.
    """
    if problem == "regression":
        return (one_NC - other_NC).square().mean(-1)
    if problem == "multi_label_classification":
        return ((one_NC.sigmoid() - other_NC.sigmoid()) * (one_NC - other_NC)).mean(-1)
    p, q = one_NC.log_softmax(-1), other_NC.log_softmax(-1)
    return generalised_jsd(p, q, beta=0.0) + generalised_jsd(q, p, beta=0.0)


@dataclass(slots=True)
class _Recorder:
    """A trunk that remembers the scores it gave."""

    trunk: Any
    heard: list[Tensor] = field(default_factory=list[Tensor])

    def scores(self, batch: Batch) -> Tensor:
        self.heard.append(self.trunk.scores(batch))
        return self.heard[-1]

    def token_scores(self, batch: Batch, at_M: Tensor | None = None) -> Tensor:
        self.heard.append(self.trunk.token_scores(batch, at_M))
        return self.heard[-1]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.trunk, name)
