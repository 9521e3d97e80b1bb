"""What one model (tuned or base) makes of the retention texts and prompts.

Legend: M token positions, C positions of one chunk, D width, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from luthier.data.features import Features, flatten
from luthier.data.rows import Message
from luthier.evaluation.likelihood import max_pack_tokens, piece_nlls
from luthier.evaluation.retention.exchanges import Exchange
from luthier.models.bundle import Bundle, Codec

MAX_LOGITS = 1 << 21
"""Entries of a table of logits held at once."""


@dataclass(frozen=True, slots=True)
class Material:
    """Token ids of texts and prompts, cut to what will be scored."""

    texts: tuple[NDArray[np.int32], ...]
    prompts: tuple[NDArray[np.int32], ...]


@dataclass(frozen=True, slots=True)
class View:
    """`nlls`: summed nats per text. `hidden_MD`: final states at the compared positions."""

    nlls: tuple[float, ...]
    hidden_MD: Tensor


def material(
    codec: Codec, texts: Sequence[str], prompts: Sequence[str], *, max_length: int, max_tokens: int
) -> Material:
    """As many texts as fit in `max_tokens`, and every prompt as the model is asked it."""
    kept: list[NDArray[np.int32]] = []
    for text in texts:
        ids = codec.encode_document(text)[:max_length]
        if sum(map(len, kept)) + len(ids) <= max_tokens:
            kept.append(ids)
    asked = [
        codec.prompt([Message("user", text)]) if codec.has_template else codec.encode(text)
        for text in prompts
    ]
    asked = [ids for ids in asked if 1 < len(ids) <= max_length]
    return Material(tuple(kept), tuple(asked))


def view(bundle: Bundle, texts: Sequence[NDArray[np.int32]], asked: Sequence[Exchange]) -> View:
    """NLL of every text, and what the next-token distributions of every answer are made of."""
    features: list[Features] = []
    for index, ids in enumerate(texts):
        weights = np.ones(len(ids), np.float32)
        weights[0] = 0.0
        features.append(Features(index, ids, weights))
    hidden_MD = _hidden(bundle, asked) if asked else torch.empty(0)
    return View(tuple(nats for nats, _ in piece_nlls(bundle, features)), hidden_MD)


def logprobs(bundle: Bundle, hidden_CD: Tensor) -> Tensor:
    """Natural log-probabilities of the whole vocabulary (C, V), float32."""
    head = bundle.trunk.head()
    logits_CV = (hidden_CD.to(head.weight.dtype) @ head.weight.T).float()
    if head.bias is not None:
        logits_CV = logits_CV + head.bias.float()
    logits_CV = logits_CV * head.scale
    if head.softcap:
        logits_CV = head.softcap * torch.tanh(logits_CV / head.softcap)
    return logits_CV.log_softmax(-1)


def chunks(num_positions: int, *, vocabulary: int) -> Iterator[slice]:
    """Runs of compared positions, small enough for a table of logits."""
    size = max(1, MAX_LOGITS // vocabulary)
    return (slice(start, start + size) for start in range(0, num_positions, size))


@torch.no_grad()
def _hidden(bundle: Bundle, asked: Sequence[Exchange]) -> Tensor:
    device = next(bundle.model.parameters()).device
    bundle.model.eval()
    parts: list[Tensor] = []
    for pack in _packs(asked, max_tokens=max_pack_tokens(device)):
        batch = flatten([Features(0, item.ids) for item in pack]).to(device)
        ends = batch.starts()[1:]
        at = [np.arange(end - item.num_compared, end) for item, end in zip(pack, ends, strict=True)]
        parts.append(bundle.trunk.hidden(batch, torch.from_numpy(np.concatenate(at)).to(device)))
    return torch.cat(parts)


def _packs(asked: Sequence[Exchange], *, max_tokens: int) -> Iterator[list[Exchange]]:
    """Neighbours together, in order."""
    pack: list[Exchange] = []
    for item in asked:
        if pack and sum(len(other.ids) for other in pack) + len(item.ids) > max_tokens:
            yield pack
            pack = []
        pack.append(item)
    yield pack
