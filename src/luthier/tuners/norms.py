"""Norm tuning: the weights and biases of the layer norms move, and a classifier's head."""

from __future__ import annotations

from luthier.core.config import ComponentConfig
from luthier.core.errors import RecipeError
from luthier.models.bundle import Bundle, Facts, Kind
from luthier.tuners import tuners
from luthier.tuners._own import OwnTensors, new_head


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
        model = bundle.model
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
        return self.move(bundle, [*found, *new_head(bundle)])
