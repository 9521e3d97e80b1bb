"""Lengths of rows in a model's tokens, and what each policy would do to those that are too long."""

from __future__ import annotations

import heapq
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import get_args

import numpy as np

from luthier.core.errors import DataError
from luthier.data.checks import Finding
from luthier.data.checks.contract import MOST_SHOWN
from luthier.data.features import Features
from luthier.data.overflow import fit_to
from luthier.data.rows import Row
from luthier.recipe.data_section import Overflow

POLICIES: tuple[Overflow, ...] = get_args(Overflow)
_EDGES = sorted({1, 2, 3, *(2**power for power in range(2, 21)), *(3 << p for p in range(1, 20))})
"""Tokens from which bins begin, two for every doubling."""


@dataclass(slots=True)
class Effect:
    """What a policy does to the rows that are too long."""

    shortened: int = 0
    split: int = 0
    """Rows of which several are made."""
    pieces: int = 0
    """What is made of these."""
    dropped: int = 0
    refused: int = 0
    """Rows at which training stops, because nothing would be left to learn, or it is told to."""
    lost_tokens: int = 0

    def words(self) -> str:
        """For people, such as "shortens 3, refuses 1"."""
        parts = (
            ("shortens", self.shortened, ""),
            ("splits", self.split, f" into {self.pieces:,}"),
            ("drops", self.dropped, ""),
            ("stops at", self.refused, ""),
        )
        return ", ".join(f"{verb} {number:,}{rest}" for verb, number, rest in parts if number)


@dataclass(slots=True)
class TokenLengths:
    """Of all rows that were added: the longest sequence of each, in tokens."""

    limit: int
    """Tokens beyond which a row is too long."""
    context: int
    """Tokens that the model reads at most."""
    lengths: array[int] = field(default_factory=lambda: array("I"))
    num_tokens: int = 0
    num_trained: int = 0
    effects: dict[Overflow, Effect] = field(
        default_factory=lambda: {policy: Effect() for policy in POLICIES}
    )
    longest: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    """Tokens and minus the number of the few longest rows that are too long."""

    def add(self, features: Features, where: str) -> None:
        """One more row."""
        length = max(features.lengths)
        self.lengths.append(length)
        self.num_tokens += features.num_tokens
        self.num_trained += features.num_trained
        if length > self.limit:
            heapq.heappush(self.longest, (length, -features.row))
            if len(self.longest) > MOST_SHOWN:
                heapq.heappop(self.longest)
            for policy, effect in self.effects.items():
                self._follow(features, where, policy, effect)

    def _follow(self, features: Features, where: str, policy: Overflow, effect: Effect) -> None:
        try:
            pieces = fit_to(features, self.limit, policy, where, context=self.context)
        except DataError:
            effect.refused += 1
            return
        effect.dropped += not pieces
        effect.shortened += len(pieces) == 1
        if len(pieces) > 1:
            effect.split += 1
            effect.pieces += len(pieces)
        effect.lost_tokens += sum(piece.cut_tokens for piece in pieces)
        effect.lost_tokens += 0 if pieces else features.num_tokens

    @property
    def num_too_long(self) -> int:
        """Rows beyond the limit."""
        return sum(length > self.limit for length in self.lengths)

    def histogram(self) -> list[tuple[int, int]]:
        """Tokens from which each bin begins, and its rows; limit and context are never within one.

        The last bin is that of the longest row or of the limit.
        """
        most = max([self.limit, *self.lengths])
        beyond = {self.limit + 1, self.context + 1}
        edges = [edge for edge in sorted({*_EDGES, *beyond}) if edge <= most]
        counts = [0] * len(edges)
        for length in self.lengths:
            counts[bisect_right(edges, max(1, length)) - 1] += 1
        return list(zip(edges, counts, strict=True))

    def quantile(self, share: float) -> int:
        """Tokens that so many of the rows do not exceed."""
        return int(np.quantile(self.lengths, share, method="higher")) if self.lengths else 0


def too_long(
    found: TokenLengths, rows: Sequence[Row], *, what: str, policy: Overflow
) -> Iterable[Finding]:
    """One finding where rows are longer than allowed, the longest shown.

    Args: what: is exceeded, in words. policy: of the recipe; "error": training would stop.
    """
    if not found.num_too_long:
        return
    is_error = policy == "error"
    effects = [
        f"{name} ({effect.words()})"
        for name, effect in found.effects.items()
        if name not in ("error", policy)
    ]
    chosen = "" if is_error else f"data.on_overflow={policy} {found.effects[policy].words()}; else "
    finding = Finding(
        "too_long",
        f"longer than {what}",
        "training stops at them until it is told what to do"
        if is_error
        else "what is cut off is never seen",
        f"{chosen}data.on_overflow={', '.join(effects)}",
        0.5,
        is_certain=is_error,
    )
    for length, number in sorted(found.longest, reverse=True):
        finding.add(rows[-number], f"{length:,} tokens")
    finding.count = found.num_too_long
    yield finding
