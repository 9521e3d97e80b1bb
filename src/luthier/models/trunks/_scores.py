"""From hidden states of packed documents to scores, in the ways transformers models do it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from transformers.modeling_outputs import BaseModelOutputWithPooling

from luthier.data.features import Batch
from luthier.models.bundle import Kind
from luthier.models.low_rank import LowRankLinear

Score = Callable[[Any, Tensor, Batch], Tensor]
"""(model, hidden, batch) -> scores: of sequences (B, C), from all states (N, D); or of some tokens
(M, C), from theirs (M, D)."""


def ways(model: Any, kind: Kind) -> list[Score]:
    """Candidates that fit the parts a model has; the trunk proves which one is right. None of a
    kind that scores nothing."""
    if kind in ("token_classifier", "question_answerer"):
        return [_linear, _own_tokens] if token_head(model) is not None else [_own_tokens]
    return _of_sequences(model) if kind == "sequence_classifier" else []


def _of_sequences(model: Any) -> list[Score]:
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
    return [*found, _own]


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


def _own(model: Any, hidden_ND: Tensor, batch: Batch) -> Tensor:
    """Any other: the model's own way from the states of its base to scores, such as the pooler
    of DeBERTa, which feeds nothing else, or the mean and the two layers of ModernBERT."""
    rows = hidden_ND.split(list(batch.lengths))
    seen = [torch.ones(len(row), dtype=torch.long, device=row.device) for row in rows]
    mask_BT = nn.utils.rnn.pad_sequence(seen, batch_first=True)
    return _answered(model, nn.utils.rnn.pad_sequence(list(rows), batch_first=True), mask_BT)


def _linear(model: Any, hidden_MD: Tensor, _batch: Batch) -> Tensor:
    """Most: dropout and a linear layer."""
    layer = token_head(model)
    return layer(_like(before_head(model, hidden_MD), layer))


def _own_tokens(model: Any, hidden_MD: Tensor, _batch: Batch) -> Tensor:
    """Any other that scores every token by itself, such as ModernBERT."""
    mask_1M = torch.ones(1, len(hidden_MD), dtype=torch.long, device=hidden_MD.device)
    return _answered(model, hidden_MD[None], mask_1M)[0]


def _answered(model: Any, hidden_BTD: Tensor, mask_BT: Tensor) -> Tensor:
    """What the model says where its base gives these states; the base itself is not run."""
    base = model.base_model
    inside = {id(parameter) for parameter in base.parameters()}
    head = next((p for p in model.parameters() if id(p) not in inside), hidden_BTD)
    hidden_BTD = hidden_BTD.to(head.dtype)

    def stand_in(*_: Any, **__: Any) -> BaseModelOutputWithPooling:
        pooled = _pooled(base, hidden_BTD)
        return BaseModelOutputWithPooling(last_hidden_state=hidden_BTD, pooler_output=pooled)

    base.forward = stand_in
    try:
        return answer(model(input_ids=torch.zeros_like(mask_BT), attention_mask=mask_BT))
    finally:
        del base.forward


def _pooled(base: Any, hidden_BTD: Tensor) -> Tensor | None:
    pooler = getattr(base, "pooler", None)
    if pooler is None:
        return None
    if hasattr(base, "pooler_activation"):  # ALBERT
        return base.pooler_activation(pooler(_like(hidden_BTD[:, 0], pooler)))
    return pooler(_like(hidden_BTD, pooler))


def _first(hidden_ND: Tensor, batch: Batch) -> Tensor:
    """First tokens as sequences of one token, (B, 1, D)."""
    return hidden_ND[torch.tensor(batch.starts()[:-1], device=hidden_ND.device)][:, None]


def _like(hidden: Tensor, module: Any) -> Tensor:
    """In the type of the module's weights: heads are kept in float32 over a bfloat16 trunk."""
    return hidden.to(next(module.parameters()).dtype)
