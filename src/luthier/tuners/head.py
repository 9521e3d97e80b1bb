"""Feature extraction: the pre-trained trunk stays as it is, and only what reads it moves."""

from __future__ import annotations

from typing import Any, ClassVar, cast, get_args

from torch import nn

from luthier.core.config import ComponentConfig
from luthier.core.errors import RecipeError
from luthier.models.bundle import Bundle, Facts, Kind, Outline
from luthier.tuners import tuners
from luthier.tuners._own import OwnTensors, new_head


class Config(ComponentConfig):
    """A linear probe has no settings of its own."""


@tuners.add
class Head(OwnTensors):
    """Trains width * classes parameters (with a pooler width * width more); of a language model
    width * vocabulary. Every block is frozen, so each row goes through the trunk once only.

    An output layer that is tied to the word embeddings is untied first, or the input would move
    too. Merges exactly.
    Source: linear probes, Alain & Bengio 2016, arXiv:1610.01644; against full tuning, Kumar et al.
    2022, arXiv:2202.10054 (worse where the data is like the training rows, better where not).
    """

    Config = Config
    kinds: ClassVar[frozenset[str]] = frozenset(get_args(Kind)) - {"embedder"}

    @classmethod
    def usual_rate(cls, facts: Facts, kind: Kind) -> tuple[float, str]:
        """The loss is (nearly) convex in what moves, and steps are cheap: as high as is stable."""
        del facts
        if kind == "causal_lm":
            return 5e-4, "the output layer alone"
        return 5e-3, "a head alone"

    def apply(self, bundle: Bundle, *, seed: int) -> Bundle:
        """The same bundle with the head (and pooler), or the output layer, trained.

        Raises: RecipeError: this model has neither.
        """
        del seed  # nothing is drawn
        names, model = self.check(bundle), cast(Any, bundle.model)
        layer = model.get_output_embeddings() if bundle.kind == "causal_lm" else None
        if layer is not None and layer.weight is model.get_input_embeddings().weight:
            untie(model, layer)
        return self.move(bundle, names)

    def check(self, outline: Outline) -> list[str]:
        """What will move.

        Raises: RecipeError: this model has neither a head nor an output layer.
        """
        names = new_head(outline) or _output_layer(outline)
        if not names:
            raise RecipeError(
                f"recipe tuner.name: 'head' trains what reads the trunk, and an open "
                f"{type(outline.model).__name__} has nothing there. Use tuner 'last_layers'."
            )
        return names


def _output_layer(outline: Outline) -> list[str]:
    """Parameters of the language-model head."""
    model: Any = outline.model
    layer = model.get_output_embeddings() if outline.kind == "causal_lm" else None
    if not isinstance(layer, nn.Linear):
        return []
    name = next(name for name, part in model.named_modules() if part is layer)
    return [f"{name}.{own}" for own, _ in layer.named_parameters()]  # also where they are shared


def untie(model: Any, layer: nn.Linear) -> None:
    """Give an output layer that shares the word embeddings a copy of its own, also when saved."""
    layer.weight = nn.Parameter(layer.weight.detach().clone())
    model.config.get_text_config().tie_word_embeddings = False
    model.config.tie_word_embeddings = False
    model.all_tied_weights_keys = {}
