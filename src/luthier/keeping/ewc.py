"""Stay near the starting weights, each the more the more general text depends on it."""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from luthier.core.config import ComponentConfig
from luthier.keeping import keepers
from luthier.keeping._general import General
from luthier.keeping.contract import Setting, trained
from luthier.models.bundle import Bundle, Kind
from luthier.objectives import token_loss


class Config(ComponentConfig):
    """Elastic weight consolidation."""

    weight: float = Field(1.0, gt=0)
    """1: the loss is what general answers are expected to lose, in nats per token, as far as a
    quadratic says it; usual 1 to 1000, for it says too little far away."""
    rows: str = "luthier"
    """General conversations: those that ship with Luthier, or a file."""
    num_rows: int = Field(default=64, ge=1)
    """So many of them, one backward pass each, tell what general text depends on."""


@keepers.add
class Ewc:
    """Adds weight / 2 times the sum over trained weights of Fisher information times squared
    distance from the start.

    The Fisher information is the empirical one: squared gradients of the log-likelihood of general
    answers, row by row, per token. Of LoRA only B has any at the start, so A is left free.
    Holds two more copies of what is trained.
    Source: Kirkpatrick et al. 2017, arXiv:1612.00796, equation 3.
    """

    Config = Config
    short: ClassVar[str] = "weight"
    kinds: ClassVar[frozenset[Kind]] = frozenset({"causal_lm"})
    changes_inputs: ClassVar[bool] = False

    def __init__(self, config: Config) -> None:
        self.config = config
        self._named: dict[str, nn.Parameter] = {}
        self._start: dict[str, Tensor] = {}
        self._fisher: dict[str, Tensor] = {}

    def prepare(self, setting: Setting) -> None:
        """Copy what will move, and ask what general text depends on."""
        self._named = trained(setting.bundle.model)
        self._start = {name: p.detach().clone() for name, p in self._named.items()}
        self._fisher = fisher(setting.bundle, General(setting, "ewc", self.config.num_rows))

    def penalty(self, step: int) -> Tensor:
        """Half the weighted squared distance, counted by information."""
        del step
        apart = [
            (self._fisher[name] * (p - self._start[name]).square()).sum()
            for name, p in self._named.items()
            if name in self._fisher
        ]
        if not apart:
            return next(iter(self._named.values())).new_zeros(())
        return self.config.weight / 2 * torch.stack(apart).sum()


def fisher(bundle: Bundle, general: General) -> dict[str, Tensor]:
    """Mean squared gradient per token of the log-likelihood of answers; none where it is zero."""
    named = trained(bundle.model)
    found = {name: torch.zeros_like(p, requires_grad=False) for name, p in named.items()}
    was_training = bundle.model.training
    bundle.model.eval()
    tokens = 0.0
    for item in general.rows(0):
        total, count = token_loss(bundle, general.batch([item]))
        total.backward()
        tokens += float(count.detach())
        for name, parameter in named.items():
            if parameter.grad is not None:
                gradient = parameter.grad
                dense = gradient.to_dense() if gradient.is_sparse else gradient
                found[name].addcmul_(dense, dense)
                parameter.grad = None
    bundle.model.train(was_training)
    return {name: sums.div_(tokens) for name, sums in found.items() if bool(sums.any())}
