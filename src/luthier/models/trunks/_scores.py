"""From hidden states of packed documents to class scores, in the ways transformers models do it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from luthier.data.features import Batch
from luthier.models.low_rank import LowRankLinear

Score = Callable[[Any, Tensor, Batch], Tensor]
"""(model, hidden (N, D), batch) -> scores (B, C)."""


def ways(model: Any) -> list[Score]:
    """Candidates that fit the parts a model has; the trunk proves which one is right."""
    base = model.base_model
    found: list[Score] = []
    if hasattr(model, "score"):
        found.append(last_token)
    if getattr(base, "pooler", None) is not None and hasattr(model, "classifier"):
        found.append(_pooler)
    if hasattr(model, "pre_classifier"):
        found.append(_pre_classifier)
    if hasattr(model, "classifier"):
        found.append(_first_token)
    return found


def token_head(model: Any) -> Any:
    """The linear layer by which a token classifier or a question answerer scores tokens."""
    found = [getattr(model, name, None) for name in ("classifier", "score", "qa_outputs")]
    return next((layer for layer in found if isinstance(layer, nn.Linear | LowRankLinear)), None)


def before_head(model: Any, hidden_MD: Tensor) -> Tensor:
    """What that layer reads: hidden states, after dropout in token classifiers."""
    dropout = getattr(model, "dropout", None)
    if not isinstance(dropout, nn.Dropout) or hasattr(model, "qa_outputs"):
        return hidden_MD
    return dropout(hidden_MD)


def answer(output: Any) -> Tensor:
    """What a transformers model says: logits, starts beside ends, or final hidden states."""
    if hasattr(output, "logits"):
        return output.logits
    if hasattr(output, "start_logits"):
        return torch.stack([output.start_logits, output.end_logits], -1)
    return output.last_hidden_state


def last_token(model: Any, hidden_ND: Tensor, batch: Batch) -> Tensor:
    """Decoders: a linear layer on the last token."""
    ends = torch.tensor(batch.starts()[1:], device=hidden_ND.device) - 1
    return model.score(_like(hidden_ND[ends], model.score))


def _pooler(model: Any, hidden_ND: Tensor, batch: Batch) -> Tensor:
    """BERT: pooler on the first token, dropout, a linear layer."""
    pooler = model.base_model.pooler
    pooled = pooler(_like(_first(hidden_ND, batch), pooler))
    return model.classifier(_like(model.dropout(pooled), model.classifier))


def _pre_classifier(model: Any, hidden_ND: Tensor, batch: Batch) -> Tensor:
    """DistilBERT: linear, ReLU, dropout, linear on the first token."""
    first = _like(_first(hidden_ND, batch)[:, 0], model.pre_classifier)
    return model.classifier(model.dropout(torch.relu(model.pre_classifier(first))))


def _first_token(model: Any, hidden_ND: Tensor, batch: Batch) -> Tensor:
    """RoBERTa and ELECTRA: a head module that takes the first token of (B, T, D) itself."""
    return model.classifier(_like(_first(hidden_ND, batch), model.classifier))


def _first(hidden_ND: Tensor, batch: Batch) -> Tensor:
    """First tokens as sequences of one token, (B, 1, D)."""
    return hidden_ND[torch.tensor(batch.starts()[:-1], device=hidden_ND.device)][:, None]


def _like(hidden: Tensor, module: Any) -> Tensor:
    """In the type of the module's weights: heads are kept in float32 over a bfloat16 trunk."""
    return hidden.to(next(module.parameters()).dtype)
