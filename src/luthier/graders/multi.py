"""Several graders put together, each with its weight."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field

from luthier.core.config import ComponentConfig
from luthier.graders._build import build_grader, check_grader, weight_of
from luthier.graders._registry import graders
from luthier.graders.contract import Answer, Borrower, Grader, Lender, Reader, Score


class Config(ComponentConfig):
    """The parts."""

    graders: list[dict[str, Any]] = Field(min_length=1)
    """Each with its `name` and settings, and `weight` (1 where it is not said)."""
    combine: Literal["mean", "sum", "product", "least"] = "mean"
    """mean: by weight; sum: weights as they are; product: of scores to the power of their weights;
    least: the worst of weight times score."""


@graders.add
class Multi:
    """A weighted combination; `luthier grade` shows every part beside the whole."""

    Config = Config
    needs_reference: ClassVar[bool] = False

    def __init__(self, config: Config) -> None:
        self.config = config
        self.parts = [_part(item, number) for number, item in enumerate(config.graders)]
        self.names = _distinct([str(item.get("name")) for item in config.graders])

    def bounds(self) -> tuple[float, float] | None:
        found = [part.bounds() for part, _ in self.parts]
        if any(item is None for item in found):
            return None
        weights = [weight for _, weight in self.parts]
        ends = list(zip(*[item for item in found if item is not None], strict=True))
        low, high = (_combined(list(end), weights, self.config.combine) for end in ends)
        return min(low, high), max(low, high)

    def check(self, rows: Sequence[Answer]) -> list[str]:
        """What the parts say. Raises: LuthierError: as the parts."""
        return [line for part, _ in self.parts for line in check_grader(part, rows)]

    def grade(self, answers: Sequence[Answer]) -> list[Score]:
        columns = [part.grade(answers) for part, _ in self.parts]
        weights = [weight for _, weight in self.parts]
        return [self._score(list(scores), weights) for scores in zip(*columns, strict=True)]

    def files(self) -> list[Path]:
        return [path for part, _ in self.parts if isinstance(part, Reader) for path in part.files()]

    def lend(self, lender: Lender) -> None:
        for part, _ in self.parts:
            if isinstance(part, Borrower):
                part.lend(lender)

    def close(self) -> None:
        for part, _ in self.parts:
            part.close()

    def _score(self, scores: list[Score], weights: list[float]) -> Score:
        values = [score.value for score in scores]
        parts = dict(zip(self.names, values, strict=True))
        problem = "; ".join(score.problem for score in scores if score.problem)
        return Score(_combined(values, weights, self.config.combine), problem, parts)


def _part(given: Mapping[str, Any], number: int) -> tuple[Grader, float]:
    values = {key: value for key, value in given.items() if key != "weight"}
    where = f"grader.graders.{number}"
    return build_grader(values, where=where), weight_of(given.get("weight", 1.0), where=where)


def _combined(values: Sequence[float], weights: Sequence[float], how: str) -> float:
    """One score; nan where one of them is no finite number, whatever the others are."""
    if not all(math.isfinite(value) for value in values):
        return math.nan
    if how == "product":
        return math.prod(max(0.0, v) ** w for v, w in zip(values, weights, strict=True))
    terms = [value * weight for value, weight in zip(values, weights, strict=True)]
    if how == "least":
        return min(terms)
    return sum(terms) / (sum(weights) if how == "mean" else 1.0)


def _distinct(names: Sequence[str]) -> list[str]:
    """Names that occur twice get a number."""
    return [
        f"{name} {names[: at + 1].count(name)}" if names.count(name) > 1 else name
        for at, name in enumerate(names)
    ]
