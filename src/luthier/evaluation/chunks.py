"""Entities in a sequence of BIO tags, counted as conlleval and seqeval count them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Chunk(NamedTuple):
    """Words [start, end) and their type."""

    start: int
    end: int
    type: str


def chunks(tags: Sequence[str]) -> list[Chunk]:
    """The entities. An I that continues nothing begins one, as the reference programs have it.

    Source: Tjong Kim Sang and De Meulder 2003, arXiv:cs/0306050 (conlleval); agrees with
    seqeval.metrics.sequence_labeling.get_entities.
    """
    found: list[Chunk] = []
    begin, kind = -1, ""
    for place, tag in enumerate([*tags, "O"]):
        mark, _, name = tag.partition("-")
        goes_on = mark == "I" and begin >= 0 and name == kind
        if begin >= 0 and not goes_on:
            found.append(Chunk(begin, place, kind))
            begin = -1
        if mark in ("B", "I") and not goes_on:
            begin, kind = place, name
    return found
