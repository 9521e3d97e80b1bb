"""Tagging words: names, places, diseases and whatever else has a beginning and an end in a text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import field_validator
from torch.nn import functional

from luthier.core.config import Auto, ComponentConfig
from luthier.core.errors import DataError
from luthier.core.hints import did_you_mean
from luthier.data.features import FRAME, Batch, Features, flatten
from luthier.data.rows import Row, Tagged
from luthier.models.bundle import Codec, Kind
from luthier.models.located import MARK, Located, locate
from luthier.objectives import objectives
from luthier.objectives._heads import log_shares
from luthier.objectives.contract import Loss, Roles, Usual

OUTSIDE = "O"


class Config(ComponentConfig):
    """Tagging of words with BIO tags."""

    labels: list[str] | Auto = "auto"
    """Tags in the order of the scores, `O` among them; auto: O, and B and I of every type in the
    training rows, sorted."""
    every_piece: bool = False
    """Every piece of a word learns its tag. As usual only the first does, and it speaks for the
    word."""

    @field_validator("labels")
    @classmethod
    def _with_outside(cls, value: list[str] | str) -> list[str] | str:
        if isinstance(value, list):
            twice = [name for name, times in Counter(value).items() if times > 1]
            if twice or OUTSIDE not in value:
                raise ValueError(f"expected every tag once, and 'O' among them; got {value}")
        return value


@objectives.add
class Tag:
    """**Rows**: Tagged. **Unit**: words. **Roles**: policy. **Relations**: `classify` when one
    label says it of the whole text; `qa` when a question says what is looked for. The first piece
    of a word speaks for it; what the pieces say together is made into entities at prediction.
    """

    Config = Config
    row: ClassVar[type[Row]] = Tagged
    kinds: ClassVar[frozenset[Kind]] = frozenset({"token_classifier"})
    roles: ClassVar[frozenset[str]] = frozenset({"policy"})
    problem: ClassVar[str] = ""
    additive: ClassVar[bool] = True
    unit: str = "words"
    is_default: ClassVar[bool] = True
    usual: ClassVar[Usual] = Usual(batch_size=16, steps=1500, epochs=(3, 10), best_by="f1")

    def __init__(self, config: Config) -> None:
        self.config = config
        self._index = {name: index for index, name in enumerate(self.labels())}

    @classmethod
    def resolve(cls, config: Config, rows: Sequence[Row]) -> dict[str, tuple[object, str]]:
        """The tags, from the training rows.

        Raises: DataError: no row has an entity.
        """
        if config.labels != "auto":
            return {}
        tags = {tag for row in rows if isinstance(row, Tagged) for tag in row.tags}
        types = sorted({tag.partition("-")[2] for tag in tags if tag != OUTSIDE})
        if not types:
            raise DataError(
                f"data.train: not one of {len(rows)} training rows has an entity: every tag is "
                "'O'.\n    Add rows that have some, or name another column: "
                "data.columns = {tags: NAME}"
            )
        names = [OUTSIDE, *(f"{mark}-{kind}" for kind in types for mark in "BI")]
        return {"labels": (names, f"{len(types)} types of entities in {len(rows)} training rows")}

    def labels(self) -> tuple[str, ...]:
        """Tags in the order of the scores."""
        return () if self.config.labels == "auto" else tuple(self.config.labels)

    def prepare(self, row: Row, codec: Codec, *, index: int) -> Features:
        """The encoded words; `per_token`: `words`, 1 + the index of the word that a token is the
        first piece of (0: of none), and `tags`, what it learns. `arrays`: how many marks stand
        around the text.

        Raises: DataError: a tag that is not among `labels`.
        """
        assert isinstance(row, Tagged)
        text, starts = row.placed()
        located = locate(codec, text)
        owners_T = owners(located, row.tokens, starts)
        first_T = np.zeros_like(owners_T)
        first_T[_first_pieces(owners_T)] = 1
        tags_T = np.zeros(len(owners_T), np.int64)
        if row.tags:
            of_word = np.array([self._tag(row, at) for at in range(len(row.tags))], np.int64)
            known = owners_T > 0
            tags_T[known] = of_word[owners_T[known] - 1]
        learned_T = (owners_T > 0) & (self.config.every_piece | (first_T > 0)) & bool(row.tags)
        marks = located.part == MARK
        frame = np.array([_leading(marks), _leading(marks[::-1])], np.int64)
        return Features(
            index,
            located.input_ids,
            learned_T.astype(np.float32),
            arrays={FRAME: frame},
            per_token={"words": (owners_T * first_T).astype(np.int32), "tags": tags_T},
        )

    def beginning(self, features: Sequence[Features]) -> list[float]:
        """The log-share of each tag among the words of these rows: nearly all are outside.

        Source: as `Multilabel.beginning`.
        """
        found = [item.per_token["tags"][item.loss_weights > 0] for item in features]
        counts_C = np.bincount(np.concatenate(found), minlength=len(self._index))
        return log_shares(counts_C.astype(np.float64))

    def _tag(self, row: Tagged, at: int) -> int:
        tag = row.tags[at]
        if tag not in self._index:
            hint = did_you_mean(tag, self._index)
            raise DataError(
                f"{row.origin}: word {at + 1} ({row.tokens[at]!r}) has the tag '{tag}', which is "
                f"not one of the {len(self._index)} tags{hint}\n"
                "    Every tag must stand in the training rows or in objective.labels."
            )
        return self._index[tag]

    def collate(self, features: Sequence[Features]) -> Batch:
        """Texts end to end; at which tokens something is learned, what, and how much it counts."""
        weights_N = np.concatenate([item.loss_weights for item in features])
        tags_N = np.concatenate([_aligned(item, "tags") for item in features])
        at_M = np.flatnonzero(weights_N)
        return flatten(
            list(features),
            at=torch.from_numpy(at_M),
            labels=torch.from_numpy(tags_N[at_M]),
            weights=torch.from_numpy(weights_N[at_M]),
        )

    def loss(self, models: Roles, batch: Batch) -> Loss:
        """Cross-entropy of the tags, how many were right, and the F1 of those that are not `O`."""
        at_M, labels_M = batch.tensors["at"], batch.tensors["labels"]
        weights_M = batch.tensors["weights"]
        scores_MC = models.policy.trunk.token_scores(batch, at_M)
        nll_M = functional.cross_entropy(scores_MC.float(), labels_M, reduction="none")
        said_M, count = scores_MC.detach().argmax(-1), weights_M.sum()
        outside = self._index[OUTSIDE]
        right_M, inside_M = said_M == labels_M, labels_M != outside
        both = 2 * (right_M & inside_M).float() @ weights_M
        either = ((said_M != outside).float() + inside_M.float()) @ weights_M
        metrics = {"accuracy": (right_M.float() @ weights_M, count), "f1": (both, either)}
        return Loss(nll_M @ weights_M, count, metrics)


def owners(located: Located, words: Sequence[str], starts: Sequence[int]) -> NDArray[np.int64]:
    """1 + the index of the word that every token begins in (T,); 0 for marks and what lies
    between words."""
    found = np.zeros(len(located.input_ids), np.int64)
    if not words:
        return found
    begins = np.asarray(starts, np.int64)
    ends = begins + np.array([len(word) for word in words])
    at = np.searchsorted(begins, located.starts, side="right") - 1
    inside = (at >= 0) & (located.part != MARK) & (located.starts < ends[at.clip(0)])
    found[inside] = at[inside] + 1
    return found


def _first_pieces(owners_T: NDArray[np.int64]) -> NDArray[np.int64]:
    """Places of the first token of every word."""
    before = np.concatenate([[0], owners_T[:-1]])
    return np.flatnonzero((owners_T > 0) & (owners_T != before))


def _aligned(item: Features, name: str) -> NDArray[Any]:
    """As long as the tokens are, also where a row was made longer than what is said of it."""
    held = item.per_token[name]
    return np.pad(held, (0, item.num_tokens - len(held)))


def _leading(marks: NDArray[np.bool_]) -> int:
    """How many stand at the beginning."""
    return len(marks) if marks.all() else int(np.argmin(marks))
