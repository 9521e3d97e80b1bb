"""Tokens that a prompt or a prefix begins as, and the context that is left beside it."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from luthier.core import seeds
from luthier.core.errors import RecipeError
from luthier.models.bundle import Bundle, Outline
from luthier.models.soft_prompt import table_of


def token_table(outline: Outline, tuner: str) -> nn.Embedding:
    """The table that turns token ids into vectors.

    Raises: RecipeError: the model has none.
    """
    table = table_of(outline.model)
    if isinstance(table, nn.Embedding):
        return table
    raise RecipeError(
        f"tuner '{tuner}': {type(outline.model).__name__} has no table of tokens "
        "(torch.nn.Embedding) to add to. Use tuner 'lora'."
    )


def first_tokens(bundle: Bundle, text: str, *, length: int, seed: int, stream: str) -> Tensor:
    """Ids (length,) of `text`, cut or repeated to the length; drawn from the vocabulary without.

    The text is encoded as a document of its own, with the special tokens of an encoder.
    Raises: RecipeError: the text has no tokens.
    """
    device = next(bundle.model.parameters()).device
    if not text:
        draws = torch.Generator().manual_seed(seeds.derive(seed, stream, "tokens"))
        size = min(bundle.facts.vocabulary_size, len(bundle.codec.tokenizer))
        return torch.randint(size, (length,), generator=draws).to(device)
    ids = bundle.codec.encode(text).tolist()
    if not ids:
        raise RecipeError(f"recipe tuner.text: got {text!r}, which has no tokens. Write some words")
    repeated = ids * math.ceil(length / len(ids))
    return torch.tensor(repeated[:length], device=device)


def positions(length: int, context: int) -> int:
    """`length`, which is less than the context.

    Raises: RecipeError: nothing would be left of it.
    """
    if length < context:
        return length
    raise RecipeError(
        f"recipe tuner.num_virtual_tokens: got {length}, but the context of the model is "
        f"{context} tokens. Use far fewer, for example 20."
    )


def take_context(bundle: Bundle, length: int) -> None:
    """Leave that much less of the context to tokens."""
    bundle.facts = replace(bundle.facts, context_length=bundle.facts.context_length - length)


def shape_of(config: Any, *, width: int) -> dict[str, int]:
    """What PEFT's prompt methods write down of a model: layers, heads of keys, width of a token,
    which is that of the table: ELECTRA's is narrower than its layers."""
    config = config.get_text_config()
    num_heads = int(config.num_attention_heads)
    return {
        "num_layers": int(config.num_hidden_layers),
        "num_attention_heads": num_heads,
        "token_dim": width,
        "num_transformer_submodules": 1,
    }
