"""Stay near the weights that the training started from."""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from luthier.core.config import ComponentConfig
from luthier.keeping import keepers
from luthier.keeping.contract import Setting, trained
from luthier.models.bundle import Kind


class Config(ComponentConfig):
    """Distance from the starting point."""

    weight: float = Field(0.01, gt=0)
    """Nats of loss for a squared distance of 2; usual 1e-3 to 1e-1 for whole models."""


@keepers.add
class L2Sp:
    """Adds weight / 2 times the squared distance of all trained weights from where they started.

    Added parts start where they change nothing, so for them it is a decay towards the base. Holds
    one more copy of what is trained. Unlike weight decay it does not pull towards zero.
    Source: Li, Grandvalet & Davoine 2018, arXiv:1802.01483, equation 2, with a new head held to its
    start as well.
    """

    Config = Config
    short: ClassVar[str] = "weight"
    kinds: ClassVar[frozenset[Kind]] = frozenset()
    changes_inputs: ClassVar[bool] = False

    def __init__(self, config: Config) -> None:
        self.config = config
        self._named: dict[str, nn.Parameter] = {}
        self._start: dict[str, Tensor] = {}

    def prepare(self, setting: Setting) -> None:
        """Copy what will move."""
        self._named = trained(setting.bundle.model)
        self._start = {name: p.detach().clone() for name, p in self._named.items()}

    def penalty(self, step: int) -> Tensor:
        """Half the weighted squared distance."""
        del step
        apart = [(p - self._start[name]).square().sum() for name, p in self._named.items()]
        return self.config.weight / 2 * torch.stack(apart).sum()
