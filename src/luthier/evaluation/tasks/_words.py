"""What a token classifier, or its trunk, says of every word; long texts are read in windows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from luthier.data.batches import micro_batches
from luthier.data.features import FRAME, Batch, Features, flatten
from luthier.data.rows import Row, Tagged
from luthier.evaluation.tasks.label import BATCH_TOKENS, Tell
from luthier.models.bundle import Bundle
from luthier.objectives.contract import Objective

Say = Callable[[Batch, Tensor], Tensor]
"""(batch, tokens (M,)) -> what is said of them (M, C)."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A window of one row."""

    row: int
    features: Features
    depth: NDArray[np.int64]
    """Tokens between each token and the nearer end of the window that is no end of the text."""


@torch.no_grad()
def of_words(
    bundle: Bundle, objective: Objective, rows: Sequence[Row], say: Say, *, tell: Tell
) -> list[NDArray[np.float32]]:
    """What is said of each word (W, C), row by row; nan for words that the tokenizer leaves out.

    Of several windows the one speaks in whose middle the word stands.
    """
    bundle.model.eval()
    pieces = [
        piece
        for index, row in enumerate(rows)
        for piece in _pieces(_prepared(bundle, objective, row, index), _limit(bundle))
    ]
    found: dict[int, NDArray[np.float32]] = {}
    deepest = [np.full(_num_words(row), -1, np.int64) for row in rows]
    done = 0
    for chosen, said_MC, at_M in _said(bundle, pieces, say):
        depths = np.concatenate([pieces[place].depth for place in chosen])[at_M]
        words = np.concatenate([pieces[place].features.per_token["words"] for place in chosen])
        owner = np.repeat([pieces[p].row for p in chosen],
                          [pieces[p].features.num_tokens for p in chosen])[at_M]  # fmt: skip
        for row, word, depth, line in zip(owner, words[at_M] - 1, depths, said_MC, strict=True):
            if row not in found:
                shape = (len(deepest[row]), said_MC.shape[1])
                found[row] = np.full(shape, np.nan, np.float32)
            if depth > deepest[row][word]:
                deepest[row][word] = depth
                found[row][word] = line
        done += len(chosen)
        tell(min(done, len(rows)), len(rows))
    width = next(iter(found.values())).shape[1] if found else 0
    return [
        found.get(index, np.full((len(words), width), np.nan, np.float32))
        for index, words in enumerate(deepest)
    ]


def _said(
    bundle: Bundle, pieces: Sequence[Piece], say: Say
) -> Iterator[tuple[list[int], NDArray[np.float32], NDArray[np.int64]]]:
    """Pieces run together, what was said, and of which of their tokens."""
    device = next(bundle.model.parameters()).device
    order = sorted(range(len(pieces)), key=lambda place: pieces[place].features.num_tokens)
    lengths = [pieces[place].features.num_tokens for place in order]
    for places in micro_batches(lengths, max_tokens=BATCH_TOKENS):
        chosen = [order[place] for place in places]
        features = [pieces[place].features for place in chosen]
        words = np.concatenate([item.per_token["words"] for item in features])
        at_M = np.flatnonzero(words)
        if len(at_M):
            batch = flatten(features).to(device)
            said = say(batch, torch.from_numpy(at_M).to(device))
            yield chosen, said.float().cpu().numpy(), at_M


def _prepared(bundle: Bundle, objective: Objective, row: Row, index: int) -> Features:
    assert isinstance(row, Tagged)
    return objective.prepare(replace(row, tags=()), bundle.codec, index=index)


def _num_words(row: Row) -> int:
    return len(row.tokens) if isinstance(row, Tagged) else 0


def _limit(bundle: Bundle) -> int:
    return min(bundle.facts.context_length, bundle.codec.max_length)


def _pieces(features: Features, limit: int) -> list[Piece]:
    """The row, or windows of it that overlap by half, each with the marks around the text."""
    total = features.num_tokens
    if total <= limit:
        return [Piece(features.row, features, np.full(total, total, np.int64))]
    before, after = (int(count) for count in features.arrays[FRAME])
    room = max(1, limit - before - after)
    last = total - after
    found: list[Piece] = []
    for start in range(before, last, max(1, room // 2)):
        end = min(start + room, last)
        at = np.r_[0:before, start:end, last:total]
        inside = np.arange(end - start)
        left = inside if start > before else np.full(len(inside), total)
        right = inside[::-1] if end < last else np.full(len(inside), total)
        edges = np.zeros(before, np.int64), np.zeros(after, np.int64)
        depth = np.concatenate([edges[0], np.minimum(left, right), edges[1]])
        cut = replace(
            features,
            input_ids=features.input_ids[at],
            loss_weights=features.loss_weights[at],
            per_token={name: held[at] for name, held in features.per_token.items()},
        )
        found.append(Piece(features.row, cut, depth))
        if end == last:
            break
    return found
