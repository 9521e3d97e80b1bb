"""Kahneman-Tversky optimisation: learn from single answers that were found good or bad."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from luthier.core.config import Auto, ComponentConfig
from luthier.core.errors import DataError
from luthier.data.features import Batch, Features
from luthier.data.rows import Rated, Row
from luthier.models.bundle import Bundle, Codec, Kind
from luthier.objectives import objectives
from luthier.objectives._others import BASE, Other, reference_in
from luthier.objectives._pairs import REFERENCE, Template, answered, collate_answers, say
from luthier.objectives.contract import Loss, Roles, Usual

_OTHER = "other_answer"
"""The array that holds the tokens of another row's answer, set behind this row's prompt."""
_OTHER_REFERENCE = "other_reference"
_GOOD = "is_good"


class Config(ComponentConfig):
    """Learning from thumbs up and down, without pairs."""

    beta: float = Field(0.1, gt=0)
    """How closely the model is held to what it was; usual 0.01 to 0.5."""
    good_weight: float | Auto = Field("auto", ge=0)
    """Weight of good answers; auto: so that all good ones weigh at most as much as all bad ones."""
    bad_weight: float | Auto = Field("auto", ge=0)
    """Weight of bad answers; auto: so that all bad ones weigh at most as much as all good ones."""
    reference: str = BASE
    """base: the model before tuning; else another one with the same tokens, by hub name, folder,
    .gguf file, pypi:PACKAGE or alias: it is asked once, before training, and let go of."""
    template: Template = "auto"
    """auto: the model's own chat template; plain: turns as plain text, for base models."""


@objectives.add
class Kto:
    """**Rows**: Rated. **Unit**: rows. **Roles**: policy; the reference is asked once, before
    training. **Relations**: `dpo` where both answers to a prompt are at hand. Prefer it for
    thumbs as users give them. Rows are compared with how far the model has moved on answers that
    belong to other prompts, so a batch is never cut.

    Source: Ethayarajh et al. 2024, arXiv:2402.01306, eq. 8, with the estimate of their code: each
    prompt with the answer of the next row. Those rows are neighbours in length here. Equal to TRL's
    KTOTrainer on the same mismatched rows.
    """

    Config = Config
    row: ClassVar[type[Row]] = Rated
    kinds: ClassVar[frozenset[Kind]] = frozenset({"causal_lm"})
    roles: ClassVar[frozenset[str]] = frozenset({"policy"})
    asks: ClassVar[frozenset[str]] = frozenset({"reference"})
    additive: ClassVar[bool] = False
    unit: str = "rows"
    is_default: ClassVar[bool] = True
    usual: ClassVar[Usual] = Usual(batch_size=16, epochs=(1, 3), rate=0.1)

    def __init__(self, config: Config) -> None:
        self.config = config

    @property
    def others(self) -> Mapping[str, Other]:
        """The reference, where it is another model than the one before tuning."""
        return reference_in(self.config.reference)

    @classmethod
    def resolve(cls, config: Config, rows: Sequence[Row]) -> dict[str, tuple[object, str]]:
        """Weights that level good and bad answers.

        Raises: DataError: all rows are rated alike.
        """
        thumbs = [row.is_good for row in rows if isinstance(row, Rated)]
        good, bad = sum(thumbs), len(thumbs) - sum(thumbs)
        if not (good and bad):
            alike = "good" if good else "bad"
            where = f"{rows[0].origin.file}: " if rows else ""
            raise DataError(
                f"{where}all {len(thumbs)} training rows are rated {alike}, so there is nothing to "
                "tell apart.\n    Add rows of the other kind, name the column that holds the thumb "
                "(data.columns = {label: NAME}), or learn good answers with objective sft"
            )
        less = min(good, bad)
        why = f"{good} good and {bad} bad rows"
        found: dict[str, tuple[object, str]] = {}
        if config.good_weight == "auto":
            found["good_weight"] = (less / good, why)
        if config.bad_weight == "auto":
            found["bad_weight"] = (less / bad, why)
        return found

    def prepare(self, row: Row, codec: Codec, *, index: int) -> Features:
        """The conversation, its last answer trained, and whether that was good.

        Raises: DataError: there is no answer. MaskError: the mask cannot be proved.
        """
        assert isinstance(row, Rated)
        last = len(row.messages) - 1
        found = answered(row, row.messages, codec, first=last, template=self.config.template)
        arrays = {_GOOD: np.array(row.is_good)}
        return Features(index, found.input_ids, found.loss_weights, arrays=arrays)

    def collate(self, features: Sequence[Features]) -> Batch:
        """Answers end to end; behind them, where it is known, each prompt with another answer."""
        batch = collate_answers(features)
        good = np.array([item.arrays[_GOOD] for item in features], np.bool_)
        batch.tensors[_GOOD] = torch.from_numpy(good)
        if all(_OTHER in item.arrays for item in features):
            others = [
                _with_answer(item, item.arrays[_OTHER])
                for item in features
                if item.num_trained and len(item.arrays[_OTHER])
            ]
            for name, tensor in _packed(others).items():
                batch.tensors[f"other_{name}"] = tensor
        return batch

    def loss(self, models: Roles, batch: Batch) -> Loss:
        """Loss of the rows, with rewards of good and bad ones and how far the model has moved."""
        config, tensors = self.config, batch.tensors
        moved = torch.zeros((), device=batch.input_ids_N.device)
        others = _others(batch)
        if others is not None:
            with torch.no_grad():  # before the policy's own pass, which keeps much in memory
                now = say(models.policy, others).logprobs_S
            moved = (now - others.tensors[REFERENCE]).mean().clamp_min(0)
        said = say(models.policy, batch)
        ratios_B = said.logprobs_S - tensors[REFERENCE]
        good_B, counted_B = tensors[_GOOD], (said.tokens_S > 0).float()
        assert not isinstance(config.good_weight, str)
        assert not isinstance(config.bad_weight, str)
        loss_B = thumb_loss(
            ratios_B, good_B, moved, config.beta, weights=(config.good_weight, config.bad_weight)
        )
        rewards_B = config.beta * ratios_B.detach()
        is_good_B, is_bad_B = good_B.float() * counted_B, (~good_B).float() * counted_B
        right_B = (ratios_B.detach() > moved) == good_B
        metrics = {
            "accuracy": ((right_B.float() * counted_B).sum(), counted_B.sum()),
            "good_reward": ((rewards_B * is_good_B).sum(), is_good_B.sum()),
            "bad_reward": ((rewards_B * is_bad_B).sum(), is_bad_B.sum()),
            "moved": (moved * counted_B.sum(), counted_B.sum()),
        }
        return Loss((loss_B * counted_B).sum(), counted_B.sum(), metrics)

    def constants(self, models: Roles, batch: Batch) -> Mapping[str, Sequence[NDArray[Any]]]:
        """Log-probabilities of each answer, and of another row's, under the model before tuning."""
        assert models.reference is not None
        rows = _rows_of(batch)
        answers = [item.input_ids[item.loss_weights > 0] for item in rows]
        # the only row of a split has no neighbour, and says nothing of how far it moved
        borrowed = answers[1:] + answers[:1] if len(rows) > 1 else [answers[0][:0]]
        with models.reference() as before:
            # a long prompt and the answer of another row may be more than the models can read
            room = min(view.facts.context_length for view in (models.policy, before))
            pairs = list(zip(rows, borrowed, strict=True))
            borrowed = [ids[: room - _prompt_tokens(item)] for item, ids in pairs]
            others = [_with_answer(item, ids) for item, ids in zip(rows, borrowed, strict=True)]
            own_B = say(before, batch).logprobs_S.cpu().numpy()
            other_B = own_B * 0.0
            if len(rows) > 1:
                mixed = collate_answers(others).to(batch.input_ids_N.device)
                other_B = say(before, mixed).logprobs_S.cpu().numpy()
        return {REFERENCE: list(own_B), _OTHER: borrowed, _OTHER_REFERENCE: list(other_B)}

    def outputs(self, policy: Bundle, batch: Batch) -> Tensor:
        """Log-probability of each answer (B, 1)."""
        return say(policy, batch).logprobs_S[:, None]


def thumb_loss(
    ratios_B: Tensor, good_B: Tensor, moved: Tensor, beta: float, *, weights: tuple[float, float]
) -> Tensor:
    """Weighted loss of each row (B,) from its log-ratio, and how far the model has moved at all.

    Args: weights: of good and of bad rows.
    Source: Ethayarajh et al. 2024, arXiv:2402.01306, eq. 7 and 8.
    """
    sign_B = torch.where(good_B, 1.0, -1.0)
    weight_B = torch.where(good_B, *weights)
    return weight_B * (1 - torch.sigmoid(beta * sign_B * (ratios_B - moved)))


def _prompt_tokens(item: Features) -> int:
    """Tokens before the answer."""
    return int(np.flatnonzero(item.loss_weights)[0])


def _with_answer(item: Features, answer: NDArray[Any]) -> Features:
    """The row's prompt followed by other tokens."""
    first = _prompt_tokens(item)
    ids = np.concatenate([item.input_ids[:first], answer.astype(np.int32)])
    weights = np.zeros(len(ids), np.float32)
    weights[first:] = 1.0
    known = {REFERENCE: item.arrays[_OTHER_REFERENCE]} if _OTHER_REFERENCE in item.arrays else {}
    return Features(item.row, ids, weights, arrays=known)


def _packed(others: Sequence[Features]) -> dict[str, Tensor]:
    """A batch as tensors that can lie in another one."""
    if not others:
        return {}
    batch = collate_answers(others)
    lengths = torch.tensor(batch.lengths)
    return {"ids": batch.input_ids_N, "lengths": lengths, **batch.tensors}


def _others(batch: Batch) -> Batch | None:
    """What `_packed` put into a batch, as a batch again."""
    held = {
        name.removeprefix("other_"): tensor
        for name, tensor in batch.tensors.items()
        if name.startswith("other_")
    }
    if not held:
        return None
    lengths = tuple(int(length) for length in held.pop("lengths").tolist())
    return Batch(held.pop("ids"), lengths, tuple(range(len(lengths))), held)


def _rows_of(batch: Batch) -> list[Features]:
    """The rows that a batch was made of, as far as tokens and masks go."""
    ids = batch.input_ids_N.cpu().numpy()
    weights = np.zeros(len(ids), np.float32)
    weights[(batch.tensors["at"] + 1).cpu().numpy()] = batch.tensors["weights"].cpu().numpy()
    cuts = batch.starts()[1:-1]
    parts = zip(batch.rows, np.split(ids, cuts), np.split(weights, cuts), strict=True)
    return [Features(row, part.astype(np.int32), mask) for row, part, mask in parts]
