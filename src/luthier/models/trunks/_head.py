"""The language-model head of any transformers model: its weight, and what its config adds."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from luthier.core.errors import ModelError
from luthier.models.bundle import Head
from luthier.models.low_rank import LowRankLinear
from luthier.models.token_rows import TokenRows


def head_of(model: Any) -> Head:
    """The head as one product, with the scale and soft cap that the config names.

    Raises: ModelError: it is more than a linear layer with what tuners put on it.
    """
    layer: Any = model.get_output_embeddings()
    weight = layer.weight if isinstance(layer, nn.Linear) else _merged(layer)
    bias = getattr(layer, "bias", None)
    return Head(weight, bias, _scale_of(model.config), _softcap_of(model.config))


def _merged(layer: nn.Module) -> Tensor:
    if isinstance(layer, LowRankLinear):
        weight = layer.base.weight
        return weight + layer.delta().to(weight.dtype) if layer.enabled else weight
    if isinstance(layer, TokenRows):
        return layer.weight
    raise ModelError(f"a head of type {type(layer).__name__} is not supported")


def _scale_of(config: Any) -> float:
    """What logits are multiplied with: Granite divides them, Cohere and others multiply."""
    config = config.get_text_config()
    scale = 1.0 / float(getattr(config, "logits_scaling", None) or 1.0)
    scale *= float(getattr(config, "logit_scale", None) or 1.0)
    return scale * float(getattr(config, "lm_head_multiplier", None) or 1.0)


def _softcap_of(config: Any) -> float:
    return float(getattr(config.get_text_config(), "final_logit_softcapping", None) or 0.0)
