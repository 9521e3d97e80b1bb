"""Tokens whose vectors are trained: those that a tokenizer has, and new ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import nn

from luthier.core.errors import RecipeError
from luthier.models.bundle import Bundle, Codec
from luthier.models.soft_prompt import table_of
from luthier.models.token_rows import token_rows

_ADDED = "tokens_added_by_luthier"
NO_TEXT = "recipe tuner.tokens: this model reads no text, so it has no tokens. Leave it out"
SUFFIX = ".token_adapter.trainable_tokens_delta"
"""What PEFT calls the rows; they are the vectors themselves."""


def extend(codec: Codec, tokens: Sequence[str]) -> None:
    """Add the tokens that the tokenizer lacks, as ordinary text that is never cut.

    Raises: RecipeError: there is no tokenizer, or one of them is no text.
    """
    if not tokens:
        return
    if "" in tokens:
        raise RecipeError("recipe tuner.tokens: got '', expected tokens of one letter or more")
    tokenizer = codec.tokenizer
    if tokenizer is None:
        raise RecipeError(NO_TEXT)
    new = [token for token in tokens if token not in tokenizer.get_vocab()]
    codec.add_tokens(new)
    setattr(tokenizer, _ADDED, [*getattr(tokenizer, _ADDED, []), *new])


def check_rows(model: nn.Module, tokens: Sequence[str]) -> None:
    """Raises: RecipeError: the table gives what neither we nor PEFT can make of single rows."""
    table = table_of(model)
    if tokens and table is None:
        raise RecipeError(NO_TEXT)
    is_plain = isinstance(table, nn.Embedding) and type(table).forward is nn.Embedding.forward
    if tokens and not (is_plain or hasattr(table, "embed_scale")):
        raise RecipeError(
            f"recipe tuner.tokens: the table of {type(model).__name__} is a "
            f"{type(table).__name__}, which gives something else than its rows, so they cannot be "
            "trained one by one. Train all of them: tuner.embeddings=true"
        )


def widen(bundle: Bundle, tokens: Sequence[str]) -> dict[str, int]:
    """Number of each of these tokens, for which the model now has vectors; what moves stays so.

    A new one starts as the mean of the vectors of its pieces; done twice it is the same.
    """
    if not tokens:
        return {}
    extend(bundle.codec, tokens)
    tokenizer, model = bundle.codec.tokenizer, cast(Any, bundle.model)
    ids = {token: int(tokenizer.convert_tokens_to_ids(token)) for token in tokens}
    if max(ids.values()) >= len(model.get_input_embeddings().weight):
        model.resize_token_embeddings(max(ids.values()) + 1, mean_resizing=False)
    head = model.get_output_embeddings() if hasattr(model, "get_output_embeddings") else None
    for layer in {id(part): part for part in (model.get_input_embeddings(), head) if part}.values():
        for token in getattr(tokenizer, _ADDED):
            _start(layer.weight, ids.get(token), _pieces(tokenizer, token))
    return ids


def peft_indices(model: Any) -> dict[str, Any]:
    """PEFT's setting for the tokens in training; nothing where there are none."""
    parts = {name: part for name, part in token_rows(model).items() if part.own is not None}
    if not parts:
        return {}
    ids = {name.rpartition(".")[2]: part.index.tolist() for name, part in parts.items()}
    return {"trainable_token_indices": ids if len(ids) > 1 else next(iter(ids.values()))}


@torch.no_grad()
def _start(weight: torch.Tensor, row: int | None, pieces: Sequence[int]) -> None:
    if row is not None:
        known = weight[list(pieces)] if pieces else weight[:row]
        weight[row] = known.float().mean(0).to(weight.dtype)


def _pieces(tokenizer: Any, text: str) -> list[int]:
    """Ids of what the tokenizer made of the text before it had a token of its own."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        return []
    plain = backend.normalizer.normalize_str(text) if backend.normalizer else text
    split = backend.pre_tokenizer
    words = [word for word, _ in split.pre_tokenize_str(plain)] if split else [plain]
    return [int(piece.id) for word in words for piece in backend.model.tokenize(word)]
