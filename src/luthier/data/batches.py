"""Which rows make up each optimizer step, and how a step is cut into micro-batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from luthier.data.order import easiest_first, order


@dataclass(frozen=True, slots=True)
class Step:
    """Rows of one optimizer step. The last step of an epoch holds what is left."""

    step: int
    """Counted from 0 over all epochs."""
    epoch: int
    rows: tuple[int, ...]
    """Positions in the training list."""


def steps_per_epoch(num_rows: int, *, batch_size: int) -> int:
    """Optimizer steps of one pass over the rows."""
    return -(-num_rows // batch_size)


def steps(
    num_rows: int,
    *,
    batch_size: int,
    seed: int,
    start: int = 0,
    stop: int,
    easy_first: Sequence[int] = (),
) -> Iterator[Step]:
    """Steps `start` up to, not including, `stop`; each is a function of the arguments alone.

    Args: easy_first: all rows, the easiest first, where the first epoch goes from easy to hard.
    """
    per_epoch = steps_per_epoch(num_rows, batch_size=batch_size)
    known_epoch, permutation = -1, order(0, seed=seed, epoch=0)
    for step in range(start, stop):
        epoch, within = divmod(step, per_epoch)
        if epoch != known_epoch and not epoch and easy_first:
            known_epoch, permutation = epoch, easiest_first(easy_first, seed=seed)
        elif epoch != known_epoch:
            known_epoch, permutation = epoch, order(num_rows, seed=seed, epoch=epoch)
        chosen = permutation[within * batch_size : (within + 1) * batch_size]
        yield Step(step, epoch, tuple(int(row) for row in chosen))


def micro_batches(
    lengths_of_step: Sequence[int], *, max_tokens: int, families: Sequence[int] | None = None
) -> list[list[int]]:
    """Indices into `lengths_of_step`, grouped so that no group exceeds `max_tokens` in sum.

    Longest first, similar lengths together; a row longer than `max_tokens` stands alone.
    Every index comes exactly once, and no group is empty. Groups are as even as that allows: the
    largest decides the memory, and a small one left over runs at a worse rate.
    Args: families: which rows stand side by side, whatever their lengths, as they begin alike and
        a beginning is computed once (see trunks/_shared); None: none do.
    """
    by_length = sorted(range(len(lengths_of_step)), key=lambda at: (-lengths_of_step[at], at))
    if families is not None:
        rank = {
            family: place
            for place, family in enumerate(dict.fromkeys(families[at] for at in by_length))
        }
        by_length.sort(key=lambda at: rank[families[at]])  # stable: by length within
    fewest = _filled(by_length, lengths_of_step, max_tokens)
    low, high = -(-sum(lengths_of_step) // max(1, len(fewest))), max_tokens
    while low < high:
        middle = (low + high) // 2
        found = _filled(by_length, lengths_of_step, middle)
        if len(found) > len(fewest):
            low = middle + 1
        else:
            fewest, high = found, middle
    return fewest


def _filled(by_length: list[int], lengths: Sequence[int], max_tokens: int) -> list[list[int]]:
    groups: list[list[int]] = []
    room = -1
    for index in by_length:
        if not groups or lengths[index] > room:
            groups.append([])
            room = max_tokens
        groups[-1].append(index)
        room -= lengths[index]
    return groups
