"""Validate and save the running average of the weights instead of their last values."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from luthier.core.config import ComponentConfig
from luthier.keeping import keepers
from luthier.keeping.contract import Setting, kept_tensors
from luthier.models.bundle import Kind

_COUNT = "num_updates"


class Config(ComponentConfig):
    """Exponential moving average."""

    decay: float = Field(0.99, gt=0, lt=1)
    """Share of the average that stays after an update, once about 9 / (1 - decay) of them are
    behind it; less before. Usual 0.9 for a hundred updates to 0.999 for many thousands."""


@keepers.add
class Ema:
    """Keeps the exponential moving average of all trained weights, and of the running statistics of
    norms; it is what is validated, saved and tested. Holds one more copy of what is trained.
    Source: Polyak & Juditsky 1992, doi:10.1137/0330046; the decay rises as min(decay,
    (1 + t) / (10 + t)) with update t, as in TensorFlow's ExponentialMovingAverage.
    """

    Config = Config
    short: ClassVar[str] = "decay"
    kinds: ClassVar[frozenset[Kind]] = frozenset()
    changes_inputs: ClassVar[bool] = False

    def __init__(self, config: Config) -> None:
        self.config = config
        self._named: dict[str, Tensor] = {}
        self._average: dict[str, Tensor] = {}
        self._num_updates = 0

    def prepare(self, setting: Setting) -> None:
        """The average of nothing but the start."""
        self._named = kept_tensors(setting.bundle.model)
        self._average = {name: p.detach().clone() for name, p in self._named.items()}

    @torch.no_grad()
    def updated(self) -> None:
        """Move the average a little towards the weights."""
        decay = min(self.config.decay, (1 + self._num_updates) / (10 + self._num_updates))
        self._num_updates += 1
        torch._foreach_lerp_(  # pyright: ignore[reportPrivateUsage]
            list(self._average.values()), [p.detach() for p in self._named.values()], 1 - decay
        )

    @contextmanager
    def shown(self) -> Generator[None]:
        """Within it the model has the averaged weights."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    def _swap(self) -> None:
        """Exchange contents, so that whoever holds a parameter sees the others."""
        with torch.no_grad():
            for name, parameter in self._named.items():
                held = parameter.detach().clone()
                parameter.copy_(self._average[name])
                self._average[name].copy_(held)

    def state(self) -> dict[str, Tensor]:
        """Averages by parameter name, and how many updates they saw."""
        return {**self._average, _COUNT: torch.tensor(self._num_updates)}

    @torch.no_grad()
    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Put averages back; where there are none, begin with the weights as they are."""
        self._num_updates = int(state.get(_COUNT, 0))
        for name, average in self._average.items():
            average.copy_(state.get(name, self._named[name]))
