"""Vectors of texts that belong together are brought close, and away from all others of the batch.

Letters: S sequences, B rows, A different anchors, C different texts, K given negatives, M = B + K
candidates, D width.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from luthier.data.features import IGNORE, Batch, Features, flatten
from luthier.data.rows import Row, Triplet
from luthier.models.bundle import Codec, Kind
from luthier.models.embedding import embed
from luthier.objectives import objectives
from luthier.objectives._negatives import mined
from luthier.objectives._vectors import TOKENS_AT_ONCE, VectorConfig, at_dimensions, prepare_texts
from luthier.objectives.contract import Loss, Roles, Usual
from luthier.ops.similarity import cosine_table


class Config(VectorConfig):
    """In-batch negatives: the right text is to be told from those of all other rows."""

    scale: float = Field(20.0, gt=0)
    """What cosines are multiplied with before the softmax; 1 / temperature, usually 15 to 50."""
    symmetric: bool = False
    """Also tell the right anchor for each positive; the loss is the mean of both."""
    hard_negatives: int = Field(0, ge=0)
    """So many texts of the training corpus are added to each row: those that the model before
    training finds most like its anchor though they belong to another."""
    hard_negatives_below: float = Field(0.95, gt=0, le=1)
    """A text is taken as a negative only where its cosine is below this share of the positive's:
    those above are often right answers that nobody marked."""
    tokens_at_once: int = Field(TOKENS_AT_ONCE, ge=0)
    """A larger batch goes through the model in pieces of so many tokens, and a second time in the
    backward pass, so that memory does not grow with it; 0: always at once."""


@objectives.add
class Contrastive:
    """**Rows**: Triplet, with or without negatives. **Unit**: rows. **Roles**: policy.
    **Relations**: `triplet` for one negative at a time, `cosent` where pairs have scores. Prefer it
    for search and matching: every other row of the batch is a negative for free, so that larger
    batches learn more. Texts that stand twice in a batch are no negatives of themselves.
    """

    Config = Config
    row: ClassVar[type[Row]] = Triplet
    kinds: ClassVar[frozenset[Kind]] = frozenset({"embedder"})
    roles: ClassVar[frozenset[str]] = frozenset({"policy"})
    additive: ClassVar[bool] = False
    unit: str = "rows"
    is_default: ClassVar[bool] = True
    usual: ClassVar[Usual] = Usual(batch_size=128, steps=200, epochs=(1, 8))

    def __init__(self, config: Config) -> None:
        self.config = config

    @property
    def dimensions(self) -> Sequence[int]:
        """Lengths of vectors that are trained."""
        return self.config.dimensions

    def prepare(self, row: Row, codec: Codec, *, index: int) -> Features:
        """Anchor, positive and negatives, one after the other."""
        assert isinstance(row, Triplet)
        texts = [row.anchor, *([row.positive] if row.positive else []), *row.negatives]
        return prepare_texts(texts, codec, index=index, counts=bool(row.positive))

    @property
    def gathers(self) -> bool:
        """Hard negatives are asked for."""
        return self.config.hard_negatives > 0

    def gather(self, models: Roles, features: Sequence[Features]) -> list[Features]:
        """The training rows with hard negatives."""
        return mined(
            models,
            features,
            count=self.config.hard_negatives,
            below=self.config.hard_negatives_below,
        )

    def collate(self, features: Sequence[Features]) -> Batch:
        """Texts end to end.

        Shapes: `anchors` (B,) and `candidates` (M,) are places of sequences, positives first;
        `allowed` (B, M): the candidate is the anchor's own positive, or may be its negative.
        """
        anchors: list[int] = []
        positives: list[int] = []
        negatives: list[int] = []
        texts: list[bytes] = []
        for item in features:
            first = len(texts)
            texts += _texts(item)
            if item.label != IGNORE:
                anchors.append(first)
                positives.append(first + 1)
                negatives += range(first + 2, len(texts))
        candidates = [*positives, *negatives]
        return flatten(
            list(features),
            anchors=torch.tensor(anchors, dtype=torch.int64),
            candidates=torch.tensor(candidates, dtype=torch.int64),
            allowed=_allowed(texts, anchors, candidates),
        )

    def loss(self, models: Roles, batch: Batch) -> Loss:
        """Cross-entropy of each row's positive among all candidates, and how many came first."""
        config, tensors = self.config, batch.tensors

        def one(vectors_SD: Tensor) -> Loss:
            return ranking_loss(
                vectors_SD[tensors["anchors"]],
                vectors_SD[tensors["candidates"]],
                tensors["allowed"],
                scale=config.scale,
                symmetric=config.symmetric,
            )

        vectors_SD = embed(models.policy, batch, at_once=config.tokens_at_once)
        return at_dimensions(vectors_SD, config, one)


def ranking_loss(
    anchors_BD: Tensor,
    candidates_MD: Tensor,
    allowed_BM: Tensor,
    *,
    scale: float,
    symmetric: bool = False,
) -> Loss:
    """Summed cross-entropy in nats of candidate i for anchor i, over the rows.

    Shapes: anchors (B, D), candidates (M, D) with the B positives first, allowed (B, M) bool.
    Source: Henderson et al. 2017, arXiv:1705.00652, equation 5; van den Oord et al. 2018,
    arXiv:1807.03748, equation 4. Agrees with MultipleNegativesRankingLoss (and, symmetric, with
    MultipleNegativesSymmetricRankingLoss) of sentence-transformers where no text stands twice.
    """
    size = len(anchors_BD)
    scores_BM = scale * cosine_table(anchors_BD, candidates_MD)
    scores_BM = scores_BM.masked_fill(~allowed_BM, -torch.inf)
    right_B = scores_BM.diagonal()
    nll_B = scores_BM.logsumexp(1) - right_B
    if symmetric:
        nll_B = (nll_B + scores_BM[:, :size].logsumexp(0) - right_B) / 2
    count = nll_B.new_tensor(float(size))
    hits = (scores_BM.detach().argmax(1) == torch.arange(size, device=nll_B.device)).sum()
    return Loss(nll_B.sum(), count, {"accuracy": (hits.float(), count)})


def _texts(item: Features) -> list[bytes]:
    """Each sequence of a row by its content."""
    ends = [sum(item.lengths[: place + 1]) for place in range(len(item.lengths))]
    return [
        item.input_ids[end - length : end].tobytes()
        for end, length in zip(ends, item.lengths, strict=True)
    ]


def _allowed(texts: Sequence[bytes], anchors: Sequence[int], candidates: Sequence[int]) -> Tensor:
    """False where a candidate would be a wrong negative: it is the anchor itself, or a text that
    is right for the anchor in any row of the batch, wherever that text stands."""
    codes = {text: code for code, text in enumerate(dict.fromkeys(texts))}
    code_S = torch.tensor([codes[text] for text in texts], dtype=torch.int64)
    size = len(anchors)
    anchors_B, candidates_M = code_S[list(anchors)], code_S[list(candidates)]
    asked_A, which_B = anchors_B.unique(return_inverse=True)
    right_AC = torch.zeros(len(asked_A), len(codes), dtype=torch.bool)
    right_AC[which_B, candidates_M[:size]] = True
    wrong_BM = right_AC[which_B][:, candidates_M]
    wrong_BM |= anchors_B[:, None] == candidates_M[None]
    wrong_BM[range(size), range(size)] = False
    return ~wrong_BM
