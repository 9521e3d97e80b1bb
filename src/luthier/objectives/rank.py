"""Reranking: how well a document answers a query, read together (a cross-encoder)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from luthier.core.config import Auto, ComponentConfig
from luthier.core.errors import DataError, RecipeError
from luthier.data.features import IGNORE, Batch, Features, flatten
from luthier.data.rows import Ranked, Row
from luthier.models.bundle import Bundle, Codec, Kind
from luthier.models.located import locate
from luthier.objectives import objectives
from luthier.objectives.contract import Loss, Roles, Usual


class Config(ComponentConfig):
    """Relevance of documents to queries."""

    best: float | Auto = "auto"
    """The score that means as relevant as can be; auto: the highest of the training rows."""
    positive_weight: float | Auto = "auto"
    """What a relevant document counts; auto: as many as there are irrelevant ones for each, up to
    10: most files hold many more of those."""


@objectives.add
class Rank:
    """**Rows**: Ranked. **Unit**: pairs of query and document. **Roles**: policy.
    **Relations**: `contrastive` encodes query and document apart: far faster over many documents,
    less exact; the usual way is to fetch with that and to rank the best with this.

    Source: Nogueira and Cho 2019, arXiv:1901.04085, equation 1 (pointwise cross-entropy); grades
    are taken as probabilities score / best.
    """

    Config = Config
    row: ClassVar[type[Row]] = Ranked
    kinds: ClassVar[frozenset[Kind]] = frozenset({"sequence_classifier"})
    roles: ClassVar[frozenset[str]] = frozenset({"policy"})
    problem: ClassVar[str] = "regression"
    additive: ClassVar[bool] = True
    is_default: ClassVar[bool] = True
    usual: ClassVar[Usual] = Usual(batch_size=32, steps=600, epochs=(2, 6))

    def __init__(self, config: Config) -> None:
        self.config = config
        for name in ("best", "positive_weight"):
            value = getattr(config, name)
            if value != "auto" and value <= 0:
                raise RecipeError(
                    f"recipe objective.{name}: got {value:g}, expected a number above 0"
                )

    @classmethod
    def resolve(cls, config: Config, rows: Sequence[Row]) -> dict[str, tuple[object, str]]:
        """The highest score, and the weight of relevant documents.

        Raises: DataError: all documents are equally relevant.
        """
        scores = [row.score for row in rows if isinstance(row, Ranked)]
        if not scores or min(scores) == max(scores):
            same = f"the same score, {scores[0]:g}" if scores else "no score"
            raise DataError(
                f"data.train: all {len(rows)} training rows have {same}: there is nothing to rank."
                "\n    Give every query documents that answer it and some that do not (score 0)"
            )
        found: dict[str, tuple[object, str]] = {}
        if config.best == "auto":
            found["best"] = (max(scores), "the highest score of the training rows")
        if config.positive_weight == "auto":
            good = sum(score > 0 for score in scores)
            ratio = min(10.0, max(1.0, (len(scores) - good) / good))
            why = f"{good} relevant and {len(scores) - good} irrelevant documents"
            found["positive_weight"] = (ratio, why)
        return found

    def labels(self) -> tuple[str, ...]:
        """One output."""
        return ("relevance",)

    def prepare(self, row: Row, codec: Codec, *, index: int) -> Features:
        """Query and document as a pair; in `arrays` the score (IGNORE: it is to be predicted)."""
        assert isinstance(row, Ranked)
        is_known = not math.isnan(row.score)
        best = self.config.best
        if is_known and best != "auto" and row.score > best:
            raise DataError(
                f"{row.origin}: score {row.score:g} is above {best:g}, which means as relevant as "
                "can be.\n    Set objective.best to the highest score of all rows"
            )
        ids = locate(codec, row.query, row.document).input_ids
        target = np.array([row.score if is_known else 0.0], np.float32)
        return Features(index, ids, label=0 if is_known else IGNORE, arrays={"score": target})

    def collate(self, features: Sequence[Features]) -> Batch:
        """Pairs end to end, how relevant each is from 0 to 1, and which of them count."""
        scores = np.concatenate([item.arrays["score"] for item in features])
        best = 1.0 if self.config.best == "auto" else self.config.best
        counts = torch.tensor([float(item.label != IGNORE) for item in features])
        return flatten(list(features), targets=torch.from_numpy(scores / best), counts=counts)

    def loss(self, models: Roles, batch: Batch) -> Loss:
        """Binary cross-entropy of the relevance."""
        scores_B = self.outputs(models.policy, batch)[:, 0]
        targets_B, counts_B = batch.tensors["targets"], batch.tensors["counts"]
        weight = self.config.positive_weight
        weights = scores_B.new_tensor(1.0 if weight == "auto" else weight)
        nll_B = functional.binary_cross_entropy_with_logits(
            scores_B, targets_B.to(scores_B), reduction="none", pos_weight=weights
        )
        return Loss(nll_B @ counts_B, counts_B.sum())

    def outputs(self, policy: Bundle, batch: Batch) -> Tensor:
        """The logit of being relevant (B, 1)."""
        return policy.trunk.scores(batch)
