"""Pairs of texts are ordered by cosine as they are by score.

Letters: S sequences, B rows, D width.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from luthier.core.errors import DataError
from luthier.data.features import IGNORE, Batch, Features, flatten
from luthier.data.rows import Row, Scored
from luthier.models.bundle import Bundle, Codec, Kind
from luthier.models.embedding import embed
from luthier.objectives import objectives
from luthier.objectives._vectors import TOKENS_AT_ONCE, VectorConfig, at_dimensions, prepare_texts
from luthier.objectives.contract import Loss, Roles, Usual
from luthier.ops.similarity import cosines


class Config(VectorConfig):
    """Every two pairs of a batch whose scores differ are compared."""

    scale: float = Field(20.0, gt=0)
    """What differences of cosines are multiplied with; 1 / temperature."""
    tokens_at_once: int = Field(TOKENS_AT_ONCE, ge=0)
    """A larger batch goes through the model in pieces of so many tokens, and a second time in the
    backward pass, so that memory does not grow with it; 0: always at once."""


@objectives.add
class CoSent:
    """**Rows**: Scored, pairs of texts. **Unit**: rows. **Roles**: policy. **Relations**: `regress`
    reads both texts together and predicts the number itself; this gives vectors that can be kept
    and compared later, and learns the order of the scores, whatever their range. `contrastive`
    where pairs are right or wrong only.
    """

    Config = Config
    row: ClassVar[type[Row]] = Scored
    kinds: ClassVar[frozenset[Kind]] = frozenset({"embedder"})
    roles: ClassVar[frozenset[str]] = frozenset({"policy"})
    additive: ClassVar[bool] = False
    unit: str = "rows"
    is_default: ClassVar[bool] = False
    usual: ClassVar[Usual] = Usual(batch_size=32, steps=600, epochs=(1, 8))

    def __init__(self, config: Config) -> None:
        self.config = config

    @property
    def dimensions(self) -> Sequence[int]:
        """Lengths of vectors that are trained."""
        return self.config.dimensions

    @classmethod
    def resolve(cls, config: Config, rows: Sequence[Row]) -> dict[str, tuple[object, str]]:
        """Nothing is chosen from the rows.

        Raises: DataError: all scores are equal, so there is no order.
        """
        del config
        scores = {row.score for row in rows if isinstance(row, Scored)}
        if len(scores) == 1:
            raise DataError(
                f"data.train: every row has the score {scores.pop():g}; expected several, as "
                "their order is what is learned"
            )
        return {}

    def prepare(self, row: Row, codec: Codec, *, index: int) -> Features:
        """Both texts, one after the other, and the score.

        Raises: DataError: there is only one text.
        """
        assert isinstance(row, Scored)
        if not row.text_pair:
            raise DataError(
                f"{row.origin}: one text; objective 'cosent' compares two.\n"
                "    Name the other: data.columns = {text_pair: NAME}, or use objective=regress"
            )
        counts = not math.isnan(row.score)
        made = prepare_texts([row.text, row.text_pair], codec, index=index, counts=counts)
        made_arrays = {"score": np.float32(row.score if counts else 0.0)}
        return Features(
            index,
            made.input_ids,
            label=made.label,
            sequences=made.sequences,
            arrays={name: np.asarray(value) for name, value in made_arrays.items()},
        )

    def collate(self, features: Sequence[Features]) -> Batch:
        """Texts end to end. Shapes: `scores` (B,), `counted` (B,) bool."""
        return flatten(
            list(features),
            scores=torch.tensor([float(item.arrays["score"]) for item in features]),
            counted=torch.tensor([item.label != IGNORE for item in features]),
        )

    def loss(self, models: Roles, batch: Batch) -> Loss:
        """How far the order of the cosines is from that of the scores."""
        counted_B = batch.tensors["counted"]
        scores_B = batch.tensors["scores"][counted_B]

        def one(vectors_SD: Tensor) -> Loss:
            cosines_B = cosines(vectors_SD[0::2], vectors_SD[1::2])[counted_B]
            count = cosines_B.new_tensor(float(len(cosines_B)))
            return Loss(count * order_loss(cosines_B, scores_B, scale=self.config.scale), count)

        vectors_SD = embed(models.policy, batch, at_once=self.config.tokens_at_once)
        return at_dimensions(vectors_SD, self.config, one)

    def outputs(self, policy: Bundle, batch: Batch) -> Tensor:
        """Cosine of the two texts (B, 1)."""
        vectors_SD = embed(policy, batch)
        return cosines(vectors_SD[0::2], vectors_SD[1::2])[:, None]


def order_loss(cosines_B: Tensor, scores_B: Tensor, *, scale: float) -> Tensor:
    """log(1 + sum of exp(scale * (cosine i - cosine j)) over i, j with score i < score j).

    Source: Su 2022, kexue.fm/archives/8847 (CoSENT). Agrees with CoSENTLoss of
    sentence-transformers.
    """
    differences_BB = scale * (cosines_B[:, None] - cosines_B[None])
    wrong_way = scores_B[:, None] < scores_B[None]
    zero = differences_BB.new_zeros(1)
    return torch.cat([zero, differences_BB[wrong_way]]).logsumexp(0)
