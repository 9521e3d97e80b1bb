"""BitFit: the biases move, and a classifier's head."""

from __future__ import annotations

from luthier.core.config import ComponentConfig
from luthier.core.errors import RecipeError
from luthier.models.bundle import Bundle, Facts, Kind, Outline
from luthier.tuners import tuners
from luthier.tuners._own import OwnTensors, new_head


class Config(ComponentConfig):
    """BitFit has no settings of its own."""


@tuners.add
class Bitfit(OwnTensors):
    """Trains one parameter per output of every layer that has a bias, about 0.1 % of BERT, and a
    head (with pooler); merges exactly. Models without biases (Llama) have nothing to train.

    Source: Ben Zaken et al. 2022, arXiv:2106.10199.
    """

    Config = Config

    @classmethod
    def usual_rate(cls, facts: Facts, kind: Kind) -> tuple[float, str]:
        """The paper searched 1e-4 to 1e-3 for BERT-base and large; narrower models take more."""
        del facts
        return (
            (1e-3, "biases of a language model") if kind == "causal_lm" else (3e-3, "biases alone")
        )

    def apply(self, bundle: Bundle, *, seed: int) -> Bundle:
        """The same bundle with its biases (and a head) trained.

        Raises: RecipeError: the model has no biases.
        """
        del seed  # nothing is drawn
        return self.move(bundle, self.check(bundle))

    def check(self, outline: Outline) -> list[str]:
        """What will move.

        Raises: RecipeError: the model has no biases.
        """
        model, head = outline.model, new_head(outline)
        found = [
            name
            for name, _ in model.named_parameters()
            if name.rpartition(".")[2] == "bias" and name not in head
        ]
        if not found:
            raise RecipeError(
                f"recipe tuner.name: 'bitfit' trains biases, and {type(model).__name__} has none. "
                "Use tuner 'norms', which trains as few parameters, or 'lora'."
            )
        return [*found, *head]
