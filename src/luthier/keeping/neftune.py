"""Noise on the embeddings of training rows."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from luthier.core.config import ComponentConfig
from luthier.core.errors import RecipeError
from luthier.data.features import Batch
from luthier.keeping import keepers
from luthier.keeping.contract import Setting
from luthier.models.bundle import Kind
from luthier.models.soft_prompt import SoftPrompt
from luthier.models.trunks import apart, laid_lengths
from luthier.objectives import Loss, Roles

_noisy: ContextVar[object] = ContextVar("noisy", default=None)
"""The option within whose `around` the model runs, also where a part is run again in the backward
pass."""


class Config(ComponentConfig):
    """Noisy embeddings."""

    alpha: float = Field(5.0, gt=0)
    """Size of the noise; usual 5 to 15."""


@keepers.add
class Neftune:
    """Adds to every word embedding of a training row of L tokens and width d uniform noise from
    -alpha / sqrt(L d) to alpha / sqrt(L d). A trained prompt gets none, and counts in L.
    Validation, test and use are without it.
    Source: Jain et al. 2023, arXiv:2310.05914, algorithm 1.
    """

    Config = Config
    short: ClassVar[str] = "alpha"
    kinds: ClassVar[frozenset[Kind]] = frozenset(
        {
            "causal_lm",
            "sequence_classifier",
            "token_classifier",
            "question_answerer",
            "embedder",
        }
    )
    changes_inputs: ClassVar[bool] = True

    def __init__(self, config: Config) -> None:
        self.config = config
        self._was_heard = False

    def prepare(self, setting: Setting) -> None:
        """Listen to the embedding layer."""
        model: Any = setting.bundle.model
        layer: nn.Module = model.get_input_embeddings()
        words = layer.base if isinstance(layer, SoftPrompt) else layer
        words.register_forward_hook(self._add_noise)

    def around(self, models: Roles, batch: Batch, run: Callable[[Roles], Loss]) -> Loss:
        """The loss with noise. What sequences begin with alike gets other noise in each.

        Raises: RecipeError: no words were read that noise could be added to.
        """
        del batch
        token = _noisy.set(self)
        try:
            with apart():
                found = run(models)
        finally:
            _noisy.reset(token)
        if torch.is_grad_enabled() and not self._was_heard:
            raise RecipeError(
                "recipe keep.neftune: this model did not read the words of a training batch "
                "through its embedding layer, so no noise could be added and nothing would be "
                "kept by it. Leave it out, or set training.path=general"
            )
        return found

    def _add_noise(self, layer: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> Tensor:
        """The output with noise, within `around` and while gradients are recorded."""
        del layer, inputs
        found = laid_lengths()
        if _noisy.get() is not self or not found or not torch.is_grad_enabled():
            return output
        self._was_heard = True
        lengths = torch.tensor(found, device=output.device)
        if output.dim() == 3 and output.shape[0] == len(found) > 1:
            sizes = lengths[:, None, None]  # padded side by side
        else:
            sizes = lengths.repeat_interleave(lengths)[:, None]
        noise = torch.empty_like(output, requires_grad=False).uniform_(-1, 1)
        return output + noise * (self.config.alpha / (sizes * output.shape[-1]).sqrt()).to(noise)
