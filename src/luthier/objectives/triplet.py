"""A text's vector is nearer to one that belongs to it than to one that does not, by a margin.

Letters: S sequences, K triplets, D width.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from luthier.core.config import Auto
from luthier.core.errors import DataError
from luthier.data.features import IGNORE, Batch, Features, flatten
from luthier.data.rows import Row, Triplet
from luthier.models.bundle import Codec, Kind
from luthier.models.embedding import embed
from luthier.objectives import objectives
from luthier.objectives._vectors import VectorConfig, at_dimensions, prepare_texts
from luthier.objectives.contract import Loss, Roles, Usual
from luthier.ops.similarity import cosines

Distance = Literal["cosine", "euclidean", "manhattan"]
_MARGINS: Mapping[Distance, float] = {"cosine": 0.3, "euclidean": 5.0, "manhattan": 5.0}
_EPSILON = 1e-6
"""Added to differences, as torch does, so that a distance of 0 has a gradient."""


class Config(VectorConfig):
    """Anchor, positive, negative."""

    distance: Distance = "cosine"
    """What is compared: 1 - cosine, or the length of the difference (Euclidean, or the sum of its
    absolute numbers)."""
    margin: float | Auto = Field("auto")
    """By how much the negative must be farther away; auto: 0.3 for cosine, else 5."""


@objectives.add
class TripletMargin:
    """**Rows**: Triplet with negatives. **Unit**: negatives. **Roles**: policy. **Relations**:
    `contrastive` takes the texts of all other rows as negatives too and usually learns more; prefer
    this where other rows may well be right, and only the given negatives are known to be wrong.
    """

    Config = Config
    row: ClassVar[type[Row]] = Triplet
    kinds: ClassVar[frozenset[Kind]] = frozenset({"embedder"})
    roles: ClassVar[frozenset[str]] = frozenset({"policy"})
    additive: ClassVar[bool] = True
    unit: str = "negatives"
    is_default: ClassVar[bool] = False
    usual: ClassVar[Usual] = Usual(batch_size=32, steps=400, epochs=(1, 8))

    def __init__(self, config: Config) -> None:
        self.config = config

    @property
    def dimensions(self) -> Sequence[int]:
        """Lengths of vectors that are trained."""
        return self.config.dimensions

    @classmethod
    def resolve(cls, config: Config, rows: Sequence[Row]) -> dict[str, tuple[object, str]]:
        """The margin that is usual for the distance."""
        del rows
        if config.margin != "auto":
            return {}
        return {"margin": (_MARGINS[config.distance], f"usual for {config.distance} distances")}

    def prepare(self, row: Row, codec: Codec, *, index: int) -> Features:
        """Anchor, positive and negatives, one after the other.

        Raises: DataError: a row that trains has no negative.
        """
        assert isinstance(row, Triplet)
        if row.positive and not row.negatives:
            raise DataError(
                f"{row.origin}: no negative; objective 'triplet' learns from an anchor, a positive "
                "and at least one negative.\n    Add a column 'negative', or use "
                "objective=contrastive, which takes the texts of other rows"
            )
        texts = [row.anchor, *([row.positive] if row.positive else []), *row.negatives]
        return prepare_texts(texts, codec, index=index, counts=bool(row.positive))

    def collate(self, features: Sequence[Features]) -> Batch:
        """Texts end to end. Shapes: `triplets` (K, 3): places of sequences."""
        triplets: list[tuple[int, int, int]] = []
        first = 0
        for item in features:
            size = len(item.lengths)
            if item.label != IGNORE:
                triplets += [(first, first + 1, first + place) for place in range(2, size)]
            first += size
        return flatten(
            list(features),
            triplets=torch.tensor(triplets, dtype=torch.int64).reshape(-1, 3),
        )

    def loss(self, models: Roles, batch: Batch) -> Loss:
        """What is missing to the margin, and how often the positive is nearer."""
        margin = self.config.margin
        margin = _MARGINS[self.config.distance] if margin == "auto" else margin

        def one(vectors_SD: Tensor) -> Loss:
            parts = [vectors_SD[places] for places in batch.tensors["triplets"].unbind(1)]
            anchors_KD, positives_KD, negatives_KD = parts
            near_K = distances(anchors_KD, positives_KD, self.config.distance)
            far_K = distances(anchors_KD, negatives_KD, self.config.distance)
            missing_K = torch.relu(near_K - far_K + margin)
            count = missing_K.new_tensor(float(len(missing_K)))
            nearer = (near_K < far_K).detach().sum().float()
            return Loss(missing_K.sum(), count, {"accuracy": (nearer, count)})

        return at_dimensions(embed(models.policy, batch), self.config, one)


def distances(one_KD: Tensor, other_KD: Tensor, distance: Distance) -> Tensor:
    """Distance (K,) of each vector from its partner.

    Source: Schroff et al. 2015, arXiv:1503.03832, equation 1 (there squared). Agrees with the three
    metrics of TripletLoss in sentence-transformers.
    """
    if distance == "cosine":
        return 1 - cosines(one_KD, other_KD)
    return (one_KD - other_KD + _EPSILON).norm(p=2 if distance == "euclidean" else 1, dim=-1)
