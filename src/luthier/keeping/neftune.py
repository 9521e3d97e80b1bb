"""Noise on the embeddings of training rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from luthier.core.config import ComponentConfig
from luthier.data.features import Batch
from luthier.keeping import keepers
from luthier.keeping.contract import Setting
from luthier.models.bundle import Kind
from luthier.models.trunks import apart
from luthier.objectives import Loss, Roles


class Config(ComponentConfig):
    """Noisy embeddings."""

    alpha: float = Field(5.0, gt=0)
    """Size of the noise; usual 5 to 15."""


@keepers.add
class Neftune:
    """Adds to every word embedding of a training row of L tokens and width d uniform noise from
    -alpha / sqrt(L d) to alpha / sqrt(L d). Validation, test and use are without it.
    Source: Jain et al. 2023, arXiv:2310.05914, algorithm 1.
    """

    Config = Config
    short: ClassVar[str] = "alpha"
    kinds: ClassVar[frozenset[Kind]] = frozenset()
    changes_inputs: ClassVar[bool] = True

    def __init__(self, config: Config) -> None:
        self.config = config
        self._lengths: tuple[int, ...] = ()

    def prepare(self, setting: Setting) -> None:
        """Listen to the embedding layer."""
        model: Any = setting.bundle.model
        layer: nn.Module = model.get_input_embeddings()
        layer.register_forward_hook(self._noisy)

    def around(self, models: Roles, batch: Batch, run: Callable[[Roles], Loss]) -> Loss:
        """The loss with noise. What sequences begin with alike gets other noise in each."""
        self._lengths = batch.lengths
        try:
            with apart():
                return run(models)
        finally:
            self._lengths = ()

    def _noisy(self, layer: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> Tensor:
        """The output with noise, within `around` and while gradients are recorded."""
        del layer, inputs
        if not self._lengths or not torch.is_grad_enabled():
            return output
        lengths = torch.tensor(self._lengths, device=output.device)
        if output.dim() == 3 and output.shape[0] == len(lengths) and output.shape[0] > 1:
            sizes = lengths[:, None, None]  # padded side by side
        else:
            if output.shape[-2] != int(sum(self._lengths)):
                return output  # of other rows than those of the batch
            sizes = lengths.repeat_interleave(lengths)[:, None]
        noise = torch.empty_like(output, requires_grad=False).uniform_(-1, 1)
        return output + noise * (self.config.alpha / (sizes * output.shape[-1]).sqrt()).to(noise)
