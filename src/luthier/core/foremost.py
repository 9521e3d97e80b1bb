"""Of many things that are counted, those to be told."""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from typing import NamedTuple

MOST = 12


class Foremost(NamedTuple):
    """The names of the highest counts, highest first, and what is left."""

    names: list[str]
    rest: int
    """How many further names there are."""
    rest_count: int
    """Their counts, together."""


def foremost(counts: Mapping[str, int]) -> Foremost:
    """At most twelve of them: where each spelling of a label is a reason, there are hundreds."""
    names = heapq.nlargest(MOST, counts, key=counts.__getitem__)
    told = sum(counts[name] for name in names)
    return Foremost(names, len(counts) - len(names), sum(counts.values()) - told)
