"""Answers as proved tokens, their log-probabilities, and what a model says of two of them.

What all objectives on preferences share. Letters: B rows, S answers (two per row of a pair, chosen
before rejected, else one), M tokens of answers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from luthier.core.errors import DataError
from luthier.data.features import Batch, Features, flatten
from luthier.data.rows import Chat, Message, Preference, Row
from luthier.models.bundle import Bundle, Codec
from luthier.models.proof import prove
from luthier.objectives.contract import Roles
from luthier.ops.cross_entropy import token_logprobs

Template = Literal["auto", "plain"]
"""auto: the model's own chat template; plain: turns as plain text, for base models."""
REFERENCE = "reference"
"""The array that holds the log-probabilities under the model before tuning."""


def answered(
    row: Row, turns: Sequence[Message], codec: Codec, *, first: int, template: Template
) -> Features:
    """A conversation in which the assistant turns from `first` on are trained; its mask is proved.

    Raises: DataError: nothing in it is trained. MaskError: the mask cannot be proved.
    """
    shown = [
        replace(turn, weight=0.0) if turn.role == "assistant" and place < first else turn
        for place, turn in enumerate(turns)
    ]
    tools = getattr(row, "tools", ())
    chat = Chat(origin=row.origin, messages=tuple(shown), tools=tools)
    is_plain = template == "plain" and not codec.is_plain
    rendered = codec.render_plain(chat) if is_plain else codec.render(chat)
    if not rendered.loss_weights.any():
        raise DataError(
            f"{row.origin}: no token of the answer is trained. It needs an assistant turn with text"
            " and a weight above 0."
        )
    features = Features(0, rendered.input_ids, rendered.loss_weights)
    if not is_plain:
        prove(chat, features, codec)
    return features


def pair_of(row: Row, codec: Codec, *, index: int, template: Template) -> Features:
    """Both answers of a preference row, each behind the whole prompt.

    Raises: DataError, MaskError: as `answered`; both answers give the same tokens.
    """
    assert isinstance(row, Preference)
    first = len(row.messages)
    both = [
        answered(row, (*row.messages, *turns), codec, first=first, template=template)
        for turns in (row.chosen, row.rejected)
    ]
    if np.array_equal(both[0].input_ids, both[1].input_ids):
        raise DataError(
            f"{row.origin}: chosen and rejected are the same {both[0].num_tokens} tokens for this "
            "model, so there is nothing to prefer. Delete the row"
        )
    return Features(
        index,
        np.concatenate([item.input_ids for item in both]),
        np.concatenate([item.loss_weights for item in both]),
        sequences=tuple(item.num_tokens for item in both),
    )


def collate_answers(features: Sequence[Features], *, prompts: bool = False) -> Batch:
    """Sequences end to end, and where their answers are.

    Shapes: `at` (M,) int64: hidden states that predict tokens of answers; `labels` (M,) int64;
    `weights` (M,) float32; `of` (M,) int64: which answer; `reference` (S,) float32 where rows know
    it. Args: prompts: what stands before each answer is predicted too, counted as answer S + s.
    """
    num_answers = sum(len(item.lengths) for item in features)
    columns: list[tuple[NDArray[Any], ...]] = []
    start = number = 0
    for item in features:
        ends = np.cumsum(item.lengths)
        trained = np.flatnonzero(item.loss_weights)
        of = number + np.searchsorted(ends, trained, side="right")
        weights = item.loss_weights[trained]
        if prompts and len(trained):
            rest = np.setdiff1d(np.arange(item.num_tokens), np.r_[trained, 0, ends[:-1]])
            of = np.r_[of, num_answers + number + np.searchsorted(ends, rest, side="right")]
            weights = np.r_[weights, np.ones(len(rest), np.float32)]
            trained = np.r_[trained, rest]
            order = np.argsort(trained)
            trained, of, weights = trained[order], of[order], weights[order]
        columns.append((start + trained - 1, item.input_ids[trained], weights, of))
        start, number = start + item.num_tokens, number + len(item.lengths)
    at, labels, weights, of = (
        torch.from_numpy(np.concatenate(column)) for column in zip(*columns, strict=True)
    )
    known: dict[str, Tensor] = {}
    if all(REFERENCE in item.arrays for item in features):
        said = np.concatenate([np.atleast_1d(item.arrays[REFERENCE]) for item in features])
        known[REFERENCE] = torch.from_numpy(said).float()
    return flatten(
        list(features),
        at=at.long(),
        labels=labels.long(),
        weights=weights.float(),
        of=of.long(),
        **known,
    )


@dataclass(frozen=True, slots=True)
class Said:
    """What a model says of answers: float32."""

    logprobs_S: Tensor
    """Summed log-probability of the tokens of each."""
    tokens_S: Tensor
    """How many these are, by weight; 0 for an answer of which nothing counts."""

    @property
    def per_token(self) -> Tensor:
        """Log-probability per token (S,)."""
        return self.logprobs_S / self.tokens_S.clamp_min(1e-6)


def say(model: Bundle, batch: Batch, *, num: int = 0) -> Said:
    """Log-probabilities of the answers of a batch, in float32.

    Args: num: how many sums there are; 0: as many as sequences.
    """
    tensors, head = batch.tensors, model.trunk.head()
    logprobs_M = token_logprobs(
        model.trunk.hidden(batch, tensors["at"]),
        head.weight,
        tensors["labels"],
        bias=head.bias,
        scale=head.scale,
        softcap=head.softcap,
    )
    weights_M, of_M = tensors["weights"], tensors["of"]
    zeros_S = weights_M.new_zeros(num or len(batch.lengths))
    return Said(
        zeros_S.index_add(0, of_M, logprobs_M * weights_M),
        zeros_S.index_add(0, of_M, weights_M),
    )


def reference_logprobs(models: Roles, batch: Batch) -> Mapping[str, Sequence[NDArray[Any]]]:
    """What the model before tuning says of each pair, for `constants`."""
    assert models.reference is not None
    with models.reference() as before:
        said_B2 = say(before, batch).logprobs_S.view(-1, 2)
    return {REFERENCE: list(said_B2.cpu().numpy())}


def counted(said: Said) -> Tensor:
    """1 for each pair of which both answers count, else 0 (B,)."""
    return (said.tokens_S.view(-1, 2) > 0).all(1).float()


def preferences(
    rewards_B2: Tensor, counted_B: Tensor, **more: Tensor
) -> dict[str, tuple[Tensor, Tensor]]:
    """Metrics of two rewards: share of pairs in the right order, margin, and each of the two."""
    rewards_B2, count = rewards_B2.detach(), counted_B.sum()
    margin_B = rewards_B2[:, 0] - rewards_B2[:, 1]
    columns = {
        "accuracy": (margin_B > 0).float(),
        "margin": margin_B,
        "chosen_reward": rewards_B2[:, 0],
        "rejected_reward": rewards_B2[:, 1],
        **{name: column.detach() for name, column in more.items()},
    }
    return {name: ((column * counted_B).sum(), count) for name, column in columns.items()}
