"""Of pairs that were let pass those that are kept: not too many, no two questions almost alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from luthier.data.matching.similar import similar
from luthier.data.on_disk import Chosen, OnDisk
from luthier.data.rows import Chat, Message, Origin, Row
from luthier.workflow.pairs import Pair

THRESHOLD = 0.8
"""Similarity of two questions, by pieces of five characters, from which the later one goes."""
NEAR_DUPLICATE, ENOUGH = "near_duplicates", "enough"
"""Why a pair is left out here."""


def num_distinct(pairs: Sequence[Pair]) -> int:
    """How many would be kept."""
    return sum(not pair.why for pair in _told_apart(pairs))


def distinct(pairs: Sequence[Pair], most: int) -> Sequence[Pair]:
    """The pairs in order of their passages, with the reason where one is left out now.

    Args: most: no more are kept, the first ones; 0: all.
    """
    found = OnDisk(_first(_told_apart(pairs), most))
    order_P = np.argsort(np.fromiter((pair.at for pair in found), np.int64), kind="stable")
    return Chosen(found, order_P)


def _told_apart(pairs: Sequence[Pair]) -> Iterator[Pair]:
    at_K = [number for number, pair in enumerate(pairs) if not pair.why]
    questions: Sequence[Row] = OnDisk(_question(pairs[number]) for number in at_K)
    first_K = similar(questions, THRESHOLD).first_kept(len(at_K))
    earlier = {
        at_K[later]: at_K[int(first)] for later, first in enumerate(first_K) if first != later
    }
    for number, pair in enumerate(pairs):
        if number in earlier:
            told = f"almost the question '{pairs[earlier[number]].question}'"
            yield replace(pair, why=NEAR_DUPLICATE, told=told)
        else:
            yield pair


def _first(pairs: Iterator[Pair], most: int) -> Iterator[Pair]:
    num_kept = 0
    for pair in pairs:
        num_kept += not pair.why
        is_more = bool(most) and not pair.why and num_kept > most
        yield replace(pair, why=ENOUGH, told=f"--most {most}") if is_more else pair


def _question(pair: Pair) -> Chat:
    """Without the answer: two answers to one question contradict each other."""
    return Chat(origin=Origin("", pair.at), messages=(Message("user", pair.question),))
