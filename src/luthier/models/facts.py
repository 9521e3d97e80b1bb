"""What planning needs to know about a model: parameters, bytes, sizes."""

from __future__ import annotations

from typing import Any

from torch import nn

from luthier.models.bundle import Facts

_UNBOUNDED = 1 << 30  # tokenizers without a limit report a number beyond all contexts


def facts_of(model: Any) -> Facts:
    """Facts of an open transformers model. Tied weights count once."""
    config = model.config.get_text_config()
    parameters = list(model.parameters())
    outer = {id(parameter) for parameter in _embedding_parameters(model)}
    return Facts(
        architecture=type(model).__name__,
        num_parameters=sum(parameter.numel() for parameter in parameters),
        num_trunk_parameters=sum(p.numel() for p in parameters if id(p) not in outer),
        num_layers=int(getattr(config, "num_hidden_layers", 0) or sum(_list(config, "depths"))),
        hidden_size=int(
            getattr(config, "hidden_size", 0) or max(_list(config, "hidden_sizes"), default=0)
        ),
        vocabulary_size=int(getattr(config, "vocab_size", 0)),
        context_length=context_length(model),
        weight_bytes=sum(p.numel() * p.element_size() for p in parameters),
    )


def context_length(model: Any) -> int:
    """Longest sequence in tokens that positions allow."""
    config = model.config.get_text_config()
    found = int(getattr(config, "max_position_embeddings", 0) or 0)
    for name, part in model.named_modules():
        is_table = isinstance(part, nn.Embedding) and name.endswith("position_embeddings")
        if is_table and part.num_embeddings == found and part.padding_idx is not None:
            return found - part.padding_idx - 1  # positions begin behind the padding index
    return found or _UNBOUNDED


def _list(config: Any, name: str) -> list[int]:
    """What models of pictures say of each stage."""
    return [int(value) for value in getattr(config, name, None) or []]


def _embedding_parameters(model: Any) -> list[nn.Parameter]:
    if not hasattr(model.config.get_text_config(), "vocab_size"):
        return []  # pixels are not looked up
    holders: list[Any] = [getattr(model, "get_input_embeddings")()]  # noqa: B009
    head = getattr(model, "get_output_embeddings", lambda: None)()
    holders += [head] if head is not None else []
    tables = [module for module in model.modules() if isinstance(module, nn.Embedding)]
    return [parameter for module in [*holders, *tables] for parameter in module.parameters()]
