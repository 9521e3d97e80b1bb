"""Norm tuning: the weights and biases of the layer norms move, and a classifier's head."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from luthier.core.config import ComponentConfig
from luthier.core.errors import RecipeError
from luthier.models.bundle import Bundle, Facts, Kind, Outline
from luthier.tuners import tuners
from luthier.tuners._own import OwnTensors, new_head
from luthier.tuners._peft import PREFIX, saved_whole, target_modules
from luthier.tuners.contract import Peft

LAYER = "ln_tuning_layers"
"""PEFT's name for its copy of a norm."""


class Config(ComponentConfig):
    """Norm tuning has no settings of its own."""


@tuners.add
class Norms(OwnTensors):
    """Trains width parameters per norm (twice that where norms have biases), a few in 100,000 of a
    language model, and a head (with pooler); merges exactly.

    Source: Zhao et al. 2024, arXiv:2312.11420 (language models); Frankle et al. 2021,
    arXiv:2003.00152 (norms alone learn surprisingly much).
    """

    Config = Config
    saved_as: ClassVar[str] = "adapter"

    @classmethod
    def usual_rate(cls, facts: Facts, kind: Kind) -> tuple[float, str]:
        """Far higher than for matrices: so few numbers hardly disturb one another."""
        del facts
        return (1e-3, "norms of a language model") if kind == "causal_lm" else (3e-3, "norms alone")

    def apply(self, bundle: Bundle, *, seed: int) -> Bundle:
        """The same bundle with its norms (and a head) trained.

        Raises: RecipeError: the model has no norms with weights.
        """
        del seed  # nothing is drawn
        return self.move(bundle, self.check(bundle))

    def check(self, outline: Outline) -> set[str]:
        """What will move.

        Raises: RecipeError: the model has no norms with weights.
        """
        model = outline.model
        found = {
            f"{name}.{own}"
            for name, module in model.named_modules()
            if "norm" in type(module).__name__.lower()
            for own, parameter in module.named_parameters(recurse=False)
            if parameter.ndim == 1
        }
        if not found:
            raise RecipeError(
                f"recipe tuner.name: 'norms' trains the weights of norms, and "
                f"{type(model).__name__} has none. Use tuner 'last_layers' or 'lora'."
            )
        return {*found, *new_head(outline)}

    def peft(self, bundle: Bundle) -> Peft:
        """PEFT's LN_TUNING, with a head among its modules saved whole."""
        state, head = self.state(bundle.model), set(new_head(bundle))
        norms = {name.rpartition(".")[0] for name in state if name not in head}
        config = {
            "peft_type": "LN_TUNING",
            "target_modules": target_modules(bundle.model, norms),
            "modules_to_save": saved_whole(bundle.model, head) or None,
        }
        return Peft(config, {_there(name, head): tensor for name, tensor in state.items()})

    def take_peft(self, bundle: Bundle, saved: Peft) -> None:
        """Raises: RunError: names or shapes differ."""
        head = set(new_head(bundle))
        names = {_there(name, head): name for name in self.state(bundle.model)}
        back: dict[str, Tensor] = {names.get(key, key): t for key, t in saved.tensors.items()}
        self.restore(bundle.model, back)


def _there(name: str, head: set[str]) -> str:
    """What a parameter is called in a PEFT file."""
    owner, _, own = name.rpartition(".")
    return PREFIX + (name if name in head else f"{owner}.{LAYER}.{own}")
