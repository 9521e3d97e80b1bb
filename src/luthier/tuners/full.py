"""Full fine-tuning: every parameter moves."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import ClassVar

from torch import Tensor, nn

from luthier.core.config import ComponentConfig
from luthier.core.errors import RecipeError
from luthier.models.bundle import Bundle, Facts, Kind
from luthier.tuners import tuners
from luthier.tuners._groups import decay_groups
from luthier.tuners._restore import copy_strictly
from luthier.tuners.contract import ParamGroup

SMALL = 50_000_000
"""Below so many parameters a whole model takes a higher rate."""


class Config(ComponentConfig):
    """Full fine-tuning has no settings of its own."""


@tuners.add
class Full:
    """Trains all parameters, kept in float32: 16 bytes each with gradient and optimizer state.

    Tied embeddings stay tied. Nothing is left of the base; merging changes nothing.
    """

    Config = Config
    keeps_base: ClassVar[bool] = False
    moves_base: ClassVar[bool] = True
    merges: ClassVar[bool] = True
    saved_as: ClassVar[str] = "safetensors"

    def __init__(self, config: Config) -> None:
        self.config = config

    @classmethod
    def usual_rate(cls, facts: Facts, kind: Kind) -> tuple[float, str]:
        """Lower than for added parts, and lowest where there is most to spoil.

        A language model 4096 wide takes 2e-5, a narrower one more, by the power that LoRA's rate
        follows. SmolLM2-135M (576 wide) on the demo's rows, three epochs, JSON fields right and
        held-out NLL: 2e-5 0.468 and 1.171, 1e-4 0.618 and 1.007; LoRA 0.618 and 1.020.
        """
        if facts.num_parameters < SMALL:
            return 2e-4, f"full tuning of a model under {SMALL / 1e6:.0f} M"
        if kind == "causal_lm":
            rate = min(1e-4, 2e-5 * (4096 / facts.hidden_size) ** 0.75)  # no higher one was tried
            return float(f"{rate:.0e}"), f"full tuning of a width of {facts.hidden_size}"
        return 5e-5, "full tuning of an encoder"

    def apply(self, bundle: Bundle, *, seed: int) -> Bundle:
        """The same bundle with every parameter trained."""
        del seed  # nothing is drawn
        bundle.model.requires_grad_(True)
        return bundle

    def groups(self, model: nn.Module) -> list[ParamGroup]:
        """Matrices decay, biases and norms do not."""
        return decay_groups(model.parameters())

    def state(self, model: nn.Module) -> dict[str, Tensor]:
        """Every parameter once (tied ones under their first name), and saved buffers."""
        return {name: tensor.detach() for name, tensor in _tensors(model).items()}

    def restore(self, model: nn.Module, state: dict[str, Tensor]) -> None:
        """Put every tensor back.

        Raises: RunError: names or shapes differ.
        """
        copy_strictly(_tensors(model), state)

    def base(self, model: nn.Module) -> AbstractContextManager[nn.Module]:
        """Raises: RecipeError: always; the base weights are gone."""
        del model
        raise RecipeError(
            "tuner 'full' does not keep the base model. Open it again from its source, or use "
            "tuner 'lora'."
        )

    def merge(self, model: nn.Module) -> nn.Module:
        """The model itself: it has no added parts."""
        return model


def _tensors(model: nn.Module) -> dict[str, Tensor]:
    found: dict[str, Tensor] = dict(model.named_parameters())
    saved = model.state_dict(keep_vars=True)
    found.update((name, buffer) for name, buffer in model.named_buffers() if name in saved)
    return found
