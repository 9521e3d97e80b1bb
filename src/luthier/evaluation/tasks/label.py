"""Naming the class of texts with a sequence classifier."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from luthier.data.batches import micro_batches
from luthier.data.features import Batch, Features
from luthier.data.rows import Row
from luthier.evaluation.frame import target_of
from luthier.evaluation.outcome import Outcome
from luthier.models.bundle import Bundle
from luthier.objectives.contract import Objective

BATCH_TOKENS = 4096
Tell = Callable[[int, int], None]


@torch.no_grad()
def labels(
    bundle: Bundle, objective: Objective, rows: Sequence[Row], *, tell: Tell
) -> list[Outcome]:
    """The most probable class of each row, and the probability of every class."""
    started = time.perf_counter()
    found = np.zeros((len(rows), len(bundle.labels)), np.float64)
    done = 0
    for indices, batch in batches(bundle, objective, rows):
        found[indices] = bundle.trunk.scores(batch).float().softmax(-1).cpu().numpy()
        done += len(indices)
        tell(done, len(rows))
    seconds = (time.perf_counter() - started) / max(1, len(rows))
    return outcomes(rows, found, bundle.labels, seconds=seconds)


def outcomes(
    rows: Sequence[Row],
    probabilities_NC: NDArray[np.float64],
    names: Sequence[str],
    *,
    seconds: float,
) -> list[Outcome]:
    """One outcome per row from class probabilities."""
    return [
        Outcome(
            index,
            target_of(row),
            names[int(line.argmax())],
            probabilities=tuple(float(value) for value in line),
            seconds=seconds,
        )
        for index, (row, line) in enumerate(zip(rows, probabilities_NC, strict=True))
    ]


@torch.no_grad()
def pooled(
    bundle: Bundle, objective: Objective, rows: Sequence[Row], *, tell: Tell
) -> NDArray[np.float32]:
    """Mean of the final hidden states of each row's tokens (N, D)."""
    found: NDArray[np.float32] | None = None
    done = 0
    for indices, batch in batches(bundle, objective, rows):
        hidden_ND = bundle.trunk.hidden(batch).float()
        means = torch.stack([part.mean(0) for part in hidden_ND.split(list(batch.lengths))])
        if found is None:
            found = np.zeros((len(rows), means.shape[1]), np.float32)
        found[indices] = means.cpu().numpy()
        done += len(indices)
        tell(done, len(rows))
    assert found is not None
    return found


def batches(
    bundle: Bundle, objective: Objective, rows: Sequence[Row]
) -> Iterator[tuple[list[int], Batch]]:
    """Rows as batches of like length, with the indices of the rows in each."""
    device = next(bundle.model.parameters()).device
    bundle.model.eval()
    features = [_prepared(bundle, objective, row, index) for index, row in enumerate(rows)]
    order = sorted(range(len(rows)), key=lambda index: features[index].num_tokens)
    lengths = [features[index].num_tokens for index in order]
    for places in micro_batches(lengths, max_tokens=BATCH_TOKENS):
        indices = [order[place] for place in places]
        yield indices, objective.collate([features[index] for index in indices]).to(device)


def _prepared(bundle: Bundle, objective: Objective, row: Row, index: int) -> Features:
    features = objective.prepare(row, bundle.codec, index=index)
    limit = bundle.facts.context_length
    if features.num_tokens <= limit:
        return features
    # what training was told to do with such rows is done before; here the end is left out
    return Features(index, features.input_ids[:limit], label=features.label)
