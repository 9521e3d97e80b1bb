"""Reranking: how well a document answers a query, read together (a cross-encoder)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from luthier.core.config import Auto, ComponentConfig
from luthier.core.errors import DataError, RecipeError
from luthier.data.features import IGNORE, PART, Batch, Features, flatten
from luthier.data.rows import Ranked, Row
from luthier.models.bundle import Bundle, Codec, Kind
from luthier.models.located import locate
from luthier.objectives import objectives
from luthier.objectives._lists import QUERY, SCORES, apart, lists, query_number, uncompared
from luthier.objectives.contract import Loss, Roles, Usual
from luthier.ops import ranking

Form = Literal["pointwise", "pairwise", "listwise"]
_READ_BY: Mapping[str, tuple[Form, ...]] = {
    "target": ("listwise",),
    "list_size": ("pairwise", "listwise"),
    "best": ("pointwise",),
    "positive_weight": ("pointwise",),
}
"""Which losses have a use for a setting."""


class Config(ComponentConfig):
    """Relevance of documents to queries."""

    loss: Form | Auto = "auto"
    """pointwise: how relevant each document is by itself (binary cross-entropy); pairwise: which of
    two is more relevant (RankNet); listwise: which of all is most relevant (softmax cross-entropy,
    ListNet). auto: listwise where rows hold several documents, else pointwise."""
    target: ranking.Target = "share"
    """Of listwise. share: each document's part of all relevance; softmax: that of its exponential,
    as ListNet has it, so that irrelevant documents have a part too."""
    list_size: int = Field(16, ge=2)
    """Documents of a query that are compared with each other, at most; the documents of a query
    that has more are dealt out into several lists. Of pairwise and listwise; usual 8 to 64."""
    best: float | Auto = "auto"
    """Of pointwise. The score that means as relevant as can be; auto: the highest of the training
    rows."""
    positive_weight: float | Auto = "auto"
    """Of pointwise. What a relevant document counts; auto: as many as there are irrelevant ones for
    each, up to 10: most files hold many more of those."""


@objectives.add
class Rank:
    """**Rows**: Ranked. **Unit**: documents (pointwise), pairs of them (pairwise), or lists.
    **Roles**: policy. **Relations**: `contrastive` encodes query and document apart: far faster
    over many documents, less exact; the usual way is to fetch with that and to rank the best with
    this.

    Source: see `ops.ranking`; pointwise takes grades as probabilities score / best. Equal to
    BinaryCrossEntropyLoss, RankNetLoss (in nats) and ListNetLoss of sentence-transformers.
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
        """The loss; the highest score, and the weight of relevant documents.

        Raises: DataError: all documents are equally relevant, at least all of the same query.
            RecipeError: a setting that such a loss does not read.
        """
        known = [row for row in rows if isinstance(row, Ranked)]
        scores = [document.score for row in known for document in row.documents]
        if not scores or min(scores) == max(scores):
            same = f"the same score, {scores[0]:g}" if scores else "no score"
            raise DataError(
                f"data.train: all {len(scores)} training documents have {same}: there is nothing to"
                " rank.\n    Give every query documents that answer it and others (score 0)"
            )
        found: dict[str, tuple[object, str]] = {}
        form = config.loss
        if form == "auto":
            several = sum(len(row.documents) > 1 for row in known)
            form = "listwise" if several else "pointwise"
            found["loss"] = form, f"{several} of {len(known)} rows hold several documents"
        if form != "pointwise":
            _check_compared(known, form)
        good = sum(score > 0 for score in scores)
        ratio = min(10.0, max(1.0, (len(scores) - good) / max(good, 1)))
        why = f"{good} relevant and {len(scores) - good} irrelevant documents"
        chosen: dict[str, tuple[object, str]] = {
            "best": (max(scores), "the highest score of the training rows"),
            "positive_weight": (ratio, why),
        }
        _refuse_unread(config, form, {name: value for name, (value, _) in chosen.items()})
        found |= {name: item for name, item in chosen.items() if getattr(config, name) == "auto"}
        return found

    def labels(self) -> tuple[str, ...]:
        """One output."""
        return ("relevance",)

    @property
    def unit(self) -> str:
        """What is judged, one by one or against each other."""
        units = {"pairwise": "pairs", "listwise": "lists"}
        return units.get(self.config.loss, "documents")

    @property
    def usual_batch(self) -> int:
        """Documents of an update, or lists of them."""
        return self.usual.batch_size if self.config.loss == "pointwise" else 8

    def idle(self, features: Sequence[Features]) -> tuple[list[int], str]:
        """Where documents are compared: queries that have nothing to compare."""
        reason = "all documents of the query are equally relevant: nothing to compare"
        return [] if self.config.loss == "pointwise" else uncompared(features), reason

    def arranged(self, features: Sequence[Features]) -> list[Features]:
        """Every document by itself, or all of a query together."""
        if self.config.loss == "pointwise":
            return apart(features)
        return lists(features, size=self.config.list_size)

    def prepare(self, row: Row, codec: Codec, *, index: int) -> Features:
        """Query and document as a pair, one for each document; IGNORE: relevance is unknown."""
        assert isinstance(row, Ranked)
        is_known = not any(math.isnan(document.score) for document in row.documents)
        self._check_best(row)
        located = [locate(codec, row.query, item.text) for item in row.documents]
        pairs = [item.input_ids for item in located]
        scores = [item.score if is_known else 0.0 for item in row.documents]
        return Features(
            index,
            np.concatenate(pairs),
            label=0 if is_known else IGNORE,
            sequences=tuple(len(pair) for pair in pairs) if len(pairs) > 1 else (),
            arrays={SCORES: np.array(scores, np.float32), QUERY: query_number(row.query)},
            per_token={PART: np.concatenate([item.part for item in located])},
        )

    def _check_best(self, row: Ranked) -> None:
        best = self.config.best
        if self.config.loss != "pointwise" or best == "auto":
            return
        above = [document.score for document in row.documents if document.score > best]
        if above:
            raise DataError(
                f"{row.origin}: score {above[0]:g} is above {best:g}, which means as relevant as "
                "can be.\n    Set objective.best to the highest score of all rows"
            )

    def collate(self, features: Sequence[Features]) -> Batch:
        """Pairs end to end, how relevant each document is, and which lists count.

        Shapes: `relevance` (S,) float32; `at` (B, L) int64: the documents of each list, -1 behind
        its end; `counts` (B,) float32.
        """
        sizes = [len(item.lengths) for item in features]
        at_BL = torch.full((len(sizes), max(sizes)), -1)
        for line, size, end in zip(at_BL, sizes, np.cumsum(sizes).tolist(), strict=True):
            line[:size] = torch.arange(end - size, end)
        return flatten(
            list(features),
            relevance=torch.from_numpy(np.concatenate([x.arrays[SCORES] for x in features])),
            at=at_BL,
            counts=torch.tensor([float(item.label != IGNORE) for item in features]),
        )

    def loss(self, models: Roles, batch: Batch) -> Loss:
        """That of documents, of pairs or of lists; and the share of pairs in the right order."""
        config, tensors = self.config, batch.tensors
        scores_BL, counts_B = self.outputs(models.policy, batch), tensors["counts"]
        relevance_BL = ranking.padded(tensors["relevance"], tensors["at"])
        if config.loss == "pointwise":
            return self._pointwise(scores_BL, relevance_BL, counts_B)
        sums_B, pairs_B = ranking.pairwise(scores_BL, relevance_BL)
        pairs_B = pairs_B * counts_B
        right_BLL = ranking.better(relevance_BL) & ranking.better(scores_BL.detach())
        metrics = {"in_order": (right_BLL.sum((1, 2)) @ counts_B.to(torch.int64), pairs_B.sum())}
        if config.loss == "pairwise":
            return Loss(sums_B @ counts_B, pairs_B.sum(), metrics)
        compares_B = counts_B * (pairs_B > 0)
        losses_B = ranking.listwise(scores_BL, relevance_BL, target=config.target)
        return Loss(losses_B @ compares_B, compares_B.sum(), metrics)

    def _pointwise(self, scores_BL: Tensor, relevance_BL: Tensor, counts_B: Tensor) -> Loss:
        is_there_BL = relevance_BL > ranking.NONE
        best = 1.0 if self.config.best == "auto" else self.config.best
        weight = self.config.positive_weight
        losses_S = ranking.pointwise(
            scores_BL[is_there_BL],
            relevance_BL[is_there_BL] / best,
            positive_weight=1.0 if weight == "auto" else weight,
        )
        counts_S = counts_B[:, None].expand_as(scores_BL)[is_there_BL]
        return Loss(losses_S @ counts_S, counts_S.sum())

    def outputs(self, policy: Bundle, batch: Batch) -> Tensor:
        """The logit of being relevant (B, L); minus infinity where a row has no such document."""
        return ranking.padded(policy.trunk.scores(batch)[:, 0], batch.tensors["at"])


def _refuse_unread(config: Config, form: str, chosen: Mapping[str, object]) -> None:
    """Nothing, when every setting that is given has a say. Args: chosen: what "auto" becomes, which
    a run that is continued gives too.

    Raises: RecipeError: one is of another loss.
    """
    for name, forms in _READ_BY.items():
        value = getattr(config, name)
        usual = ("auto", Config.model_fields[name].default, chosen.get(name))
        if form not in forms and value not in usual:
            raise RecipeError(
                f"recipe objective.{name}: got {value}, but objective.loss={form} does not read "
                f"it. Leave it out, or set objective.loss={' or '.join(forms)}"
            )


def _check_compared(rows: Sequence[Ranked], form: str) -> None:
    """Raises: DataError: no query has two documents of unequal relevance."""
    scores: dict[str, set[float]] = {}
    for row in rows:
        scores.setdefault(row.query, set()).update(item.score for item in row.documents)
    if all(len(found) < 2 for found in scores.values()):
        raise DataError(
            f"objective.loss={form} compares documents of one query, and none of the {len(scores)} "
            "queries has documents of different relevance. Give every query relevant documents and "
            "others, or set objective.loss=pointwise."
        )
