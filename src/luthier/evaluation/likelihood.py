"""The NLL of each row's answers, or of the whole of a text, from packs of several rows."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from luthier.core.errors import DataError
from luthier.data.batches import micro_batches
from luthier.data.features import Features, flatten
from luthier.data.overflow import fit_to
from luthier.data.rows import Row, Text
from luthier.models.bundle import Bundle
from luthier.objectives.contract import Objective
from luthier.ops.cross_entropy import token_logprobs

PACK_TOKENS = {"cpu": 1024, "cuda": 8192}
"""Tokens run together, which bounds the memory this takes."""

Nll = tuple[float, float]
"""Summed nats and the weight of the tokens they are summed over; (nan, 0): not measured."""


def max_pack_tokens(device: torch.device) -> int:
    """Tokens that go through the model together on this device."""
    return PACK_TOKENS.get(device.type, PACK_TOKENS["cpu"])


def row_nlls(bundle: Bundle, objective: Objective, rows: Sequence[Row]) -> list[Nll]:
    """NLL of the trained tokens of each row, of a conversation those of its answers, whatever
    prompts count in training. A text longer than the context is read in pieces, a conversation
    loses its beginning; (nan, 0) where no target fits into the context."""
    prepared: list[list[Features]] = []
    for index, row in enumerate(rows):
        features = objective.prepare(row, bundle.codec, index=index).answers()
        prepared.append(_within(features, row, bundle.facts.context_length))
    found = iter(piece_nlls(bundle, [piece for pieces in prepared for piece in pieces]))
    sums: list[Nll] = []
    for pieces in prepared:
        parts = [next(found) for _ in pieces]
        nats = sum(part[0] for part in parts) if parts else math.nan
        sums.append((nats, sum(part[1] for part in parts)))
    return sums


@torch.no_grad()
def piece_nlls(bundle: Bundle, pieces: Sequence[Features]) -> list[Nll]:
    """NLL of each piece in order, at most `PACK_TOKENS` of them in the model at once."""
    device = next(bundle.model.parameters()).device
    bundle.model.eval()
    found: list[Nll] = [(math.nan, 0.0)] * len(pieces)
    lengths = [item.num_tokens for item in pieces]
    for places in micro_batches(lengths, max_tokens=max_pack_tokens(device)):
        pack = [pieces[place] for place in places]
        trained = [np.flatnonzero(item.loss_weights[1:]) + 1 for item in pack]
        weights = [item.loss_weights[at] for item, at in zip(pack, trained, strict=True)]
        logprobs_M = _logprobs(bundle, pack, trained, device)
        ends = np.cumsum([len(at) for at in trained])[:-1]
        parts = zip(np.split(logprobs_M, ends), weights, strict=True)
        for place, (logprobs, weight) in zip(places, parts, strict=True):
            found[place] = (-float(logprobs @ weight), float(weight.sum()))
    return found


def _logprobs(
    bundle: Bundle,
    pack: Sequence[Features],
    trained: Sequence[NDArray[np.int64]],
    device: torch.device,
) -> NDArray[np.float64]:
    """Log-probabilities of the trained tokens of all pieces (M,)."""
    batch, head = flatten(list(pack)).to(device), bundle.trunk.head()
    starts = batch.starts()[:-1]
    places = [start + at for start, at in zip(starts, trained, strict=True)]
    labels_M = torch.from_numpy(np.concatenate(places)).to(device)
    logprobs_M = token_logprobs(
        bundle.trunk.hidden(batch, labels_M - 1),
        head.weight,
        batch.input_ids_N[labels_M],
        bias=head.bias,
        scale=head.scale,
        softcap=head.softcap,
    )
    return logprobs_M.double().cpu().numpy()


def _within(features: Features, row: Row, context: int) -> list[Features]:
    policy = "split" if isinstance(row, Text) else "truncate_prompt"
    try:
        return fit_to(features, context, policy, str(row.origin))
    except DataError:
        # the answer alone is longer than the context: there is nothing to score
        return []
