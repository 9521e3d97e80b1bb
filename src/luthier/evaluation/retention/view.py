"""What one model (tuned or base) says to the retention texts.

Legend: M token positions, D width, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from luthier.data.features import Batch, Features, flatten
from luthier.data.rows import Message
from luthier.generation.prefix import shared_prefix
from luthier.models.bundle import Bundle, Codec
from luthier.ops.cross_entropy import token_logprobs

ROWS_AT_ONCE = 128


@dataclass(frozen=True, slots=True)
class Material:
    """Token ids of texts and prompts, cut to what will be scored."""

    texts: tuple[NDArray[np.int32], ...]
    prompts: tuple[NDArray[np.int32], ...]
    start: int
    """Prompts are compared from this token on; before it all of them are alike."""


@dataclass(frozen=True, slots=True)
class View:
    """`nlls`: summed nats per text. `logprobs`: all of the vocabulary at each prompt position."""

    nlls: tuple[float, ...]
    logprobs: tuple[Tensor, ...]


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
    return Material(tuple(kept), tuple(asked), shared_prefix(asked, at_least=1))


def view(bundle: Bundle, found: Material) -> View:
    """NLL of every text and full next-token distributions of every prompt, in float32."""
    with torch.no_grad():
        nlls = [_nll(bundle, ids) for ids in found.texts]
        logprobs = [_distributions(bundle, ids, found.start) for ids in found.prompts]
    return View(tuple(nlls), tuple(logprobs))


def _nll(bundle: Bundle, ids: NDArray[np.int32]) -> float:
    batch, head = _batch(bundle, ids), bundle.trunk.head()
    at_M = torch.arange(len(ids) - 1, device=batch.input_ids_N.device)
    logprobs_M = token_logprobs(
        bundle.trunk.hidden(batch, at_M),
        head.weight,
        batch.input_ids_N[1:],
        bias=head.bias,
        scale=head.scale,
        softcap=head.softcap,
    )
    return -float(logprobs_M.sum())


def _distributions(bundle: Bundle, ids: NDArray[np.int32], start: int) -> Tensor:
    batch, head = _batch(bundle, ids), bundle.trunk.head()
    at_M = torch.arange(start, len(ids), device=batch.input_ids_N.device)
    hidden_MD = bundle.trunk.hidden(batch, at_M)
    parts: list[Tensor] = []
    for part_MD in hidden_MD.split(ROWS_AT_ONCE):
        logits_MV = (part_MD @ head.weight.to(part_MD.dtype).T).float()
        if head.bias is not None:
            logits_MV = logits_MV + head.bias.float()
        logits_MV = logits_MV * head.scale
        if head.softcap:
            logits_MV = head.softcap * torch.tanh(logits_MV / head.softcap)
        parts.append(logits_MV.log_softmax(-1).cpu())
    return torch.cat(parts)


def _batch(bundle: Bundle, ids: NDArray[np.int32]) -> Batch:
    device = next(bundle.model.parameters()).device
    return flatten([Features(0, ids)]).to(device)
