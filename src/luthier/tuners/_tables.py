"""Whole tables of tokens in training: the one at the input, and a language-model head."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from torch import Tensor, nn

from luthier.core.errors import RecipeError
from luthier.models.soft_prompt import table_of


def train_tables(model: Any) -> None:
    """Put the table of tokens, and the head of a model that has one, into training.

    Raises: RecipeError: it reads no tokens.
    """
    for table in token_tables(model).values():
        table.requires_grad_(True)


def token_tables(model: Any) -> dict[str, nn.Module]:
    """The table of tokens, and the head of a model that has one, by name.

    Raises: RecipeError: it reads no tokens.
    """
    tables = _tables(model)
    if not isinstance(next(iter(tables.values()), None), nn.Embedding):
        raise RecipeError(
            "recipe tuner.embeddings: this model has no table of tokens to train. Leave it out"
        )
    return tables


def trained_tables(model: Any) -> dict[str, nn.Module]:
    """The tables that are in training, by name: the input first."""
    found = _tables(model)
    return found if all(p.requires_grad for t in found.values() for p in t.parameters()) else {}


def peft_tables(model: Any, whole: Collection[str]) -> dict[str, Any]:
    """PEFT's settings for tables and other modules (`whole`) that are saved whole.

    PEFT ties the two again only where both are named, unless the table is called `embed_tokens`.
    """
    tables = trained_tables(model)
    settings: dict[str, Any] = {"modules_to_save": sorted({*whole, *tables}) or None}
    return {**settings, "ensure_weight_tying": True} if _is_tied(tables) else settings


def with_tied(model: Any, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Trained tensors by name as PEFT writes them: of tied tables the second one too."""
    tables = trained_tables(model)
    if not _is_tied(tables):
        return dict(tensors)
    table, head = tables
    return {**tensors, f"{head}.weight": tensors[f"{table}.weight"]}


def without_tied(model: Any, saved: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The reverse of `with_tied`."""
    tables = trained_tables(model)
    names = {f"{name}.weight" for name in list(tables)[1:]} if _is_tied(tables) else set[str]()
    return {name: tensor for name, tensor in saved.items() if name not in names}


def _tables(model: Any) -> dict[str, nn.Module]:
    """The table and the head, by name."""
    get = getattr(model, "get_output_embeddings", None)
    wanted = (table_of(model), None if get is None else get())
    names = {id(part): name for name, part in model.named_modules()}
    return {names[id(part)]: part for part in wanted if part is not None}


def _is_tied(tables: Mapping[str, Any]) -> bool:
    return len({id(table.weight) for table in tables.values()}) < len(tables)
