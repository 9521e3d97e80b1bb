"""Extractive question answering: which piece of a text answers a question, if any does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from luthier.core.config import Auto, ComponentConfig
from luthier.data.features import IGNORE, PLACES, Batch, Features, flatten
from luthier.data.rows import Question, Row
from luthier.models.bundle import Codec, Kind
from luthier.models.located import locate
from luthier.objectives import objectives
from luthier.objectives._passages import END, START, windows
from luthier.objectives.contract import Loss, Roles, Usual


class Config(ComponentConfig):
    """Finding an answer in a text."""

    window: int = Field(384, ge=16)
    """Tokens of question and text that are read at once, or as many as the model reads where that
    is less; longer texts are read in windows. Left out, it is at most `training.max_length`."""
    overlap: int = Field(128, ge=0)
    """Tokens that neighbouring windows share, so that an answer is whole in one of them."""
    max_answer: int = Field(30, ge=1)
    """Tokens of an answer, at most."""
    may_be_silent: bool | Auto = "auto"
    """There may be no answer; auto: some training row has none. Otherwise the best piece of the
    text is always given."""


@objectives.add
class Qa:
    """**Rows**: Question. **Unit**: windows. **Roles**: policy. **Relations**: `sft` where answers
    are in other words than the text's; `tag` where the same is looked for in every text.

    A window without the answer learns to point at its first token, which says so.
    Source: Devlin et al. 2019, arXiv:1810.04805, section 4.2 and 4.3.
    """

    Config = Config
    row: ClassVar[type[Row]] = Question
    kinds: ClassVar[frozenset[Kind]] = frozenset({"question_answerer"})
    roles: ClassVar[frozenset[str]] = frozenset({"policy"})
    problem: ClassVar[str] = ""
    additive: ClassVar[bool] = True
    unit: str = "windows"
    windowed_by: ClassVar[str] = "window"
    is_default: ClassVar[bool] = True
    usual: ClassVar[Usual] = Usual(batch_size=16, steps=1500, epochs=(2, 8))

    def __init__(self, config: Config) -> None:
        self.config = config

    @classmethod
    def resolve(cls, config: Config, rows: Sequence[Row]) -> dict[str, tuple[object, str]]:
        """Whether there may be no answer."""
        if config.may_be_silent != "auto":
            return {}
        silent = sum(isinstance(row, Question) and not row.answers for row in rows)
        return {"may_be_silent": (silent > 0, f"{silent} training rows have no answer")}

    def labels(self) -> tuple[str, ...]:
        """Two outputs, whatever the model was made for before."""
        return ("start", "end")

    def prepare(self, row: Row, codec: Codec, *, index: int) -> Features:
        """Windows as sequences of the row; `per_token`: where the answer starts and ends
        (`marks`), and the characters of the text that a token stands for (`starts`, `ends`)."""
        assert isinstance(row, Question)
        located = locate(codec, row.question, row.context)
        size = min(self.config.window, codec.max_length)
        found = windows(located, size=size, overlap=self.config.overlap)
        marks_T = np.zeros(len(found.input_ids), np.int8)
        if row.answers:
            marks_T = found.marks(row.answers[0])
        return Features(
            index,
            found.input_ids,
            label=0,
            sequences=found.lengths,
            per_token={PLACES: marks_T, "starts": found.starts, "ends": found.ends},
        )

    def collate(self, features: Sequence[Features]) -> Batch:
        """Windows end to end; in each the places (within it) where an answer starts and ends."""
        pairs: list[tuple[int, int]] = []
        counts: list[float] = []
        for item in features:
            marks_T = item.per_token[PLACES]
            edges = np.cumsum(item.lengths)[:-1]
            for part in np.split(marks_T, edges):
                pairs.append(_answer_in(part))
                counts.append(float(item.label != IGNORE))
        labels_W2 = torch.tensor(pairs, dtype=torch.int64)
        return flatten(list(features), labels=labels_W2, counts=torch.tensor(counts))

    def loss(self, models: Roles, batch: Batch) -> Loss:
        """Mean cross-entropy of start and end, and how often both are right."""
        scores_N2 = models.policy.trunk.token_scores(batch)
        labels_W2, counts_W = batch.tensors["labels"], batch.tensors["counts"]
        nll: list[Tensor] = []
        right: list[Tensor] = []
        for scores_T2, labels_2 in zip(
            scores_N2.split(list(batch.lengths)), labels_W2, strict=True
        ):
            scores_2T = scores_T2.float().T
            nll.append(functional.cross_entropy(scores_2T, labels_2))
            right.append((scores_2T.detach().argmax(-1) == labels_2).all())
        count = counts_W.sum()
        found = torch.stack(right).float() @ counts_W
        return Loss(torch.stack(nll) @ counts_W, count, {"exact": (found, count)})


def _answer_in(marks_T: NDArray[np.int8]) -> tuple[int, int]:
    """Places of start and end in a window; the first token where it holds no answer."""
    starts, ends = np.flatnonzero(marks_T & START), np.flatnonzero(marks_T & END)
    return (int(starts[0]), int(ends[0])) if len(starts) and len(ends) else (0, 0)
