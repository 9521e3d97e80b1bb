"""When memory runs out: a smaller micro-batch than the one that failed, or an error."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch

from luthier.core.errors import RunError
from luthier.data.features import Features
from luthier.ops.out_of_memory import is_out_of_memory

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Shortage:
    """The micro-batch for which memory was too small."""

    num_rows: int
    num_tokens: int
    words: str
    """The allocator's own."""


class OutOfMemory(RunError):
    """An allocation failed while a micro-batch was run."""

    def __init__(self, shortage: Shortage) -> None:
        tokens, words = shortage.num_tokens, shortage.words
        super().__init__(f"out of memory in a micro-batch of {tokens} tokens ({words})")
        self.shortage = shortage


def within_memory(work: Callable[[], T], features: Sequence[Features]) -> T:
    """What `work`, which runs a micro-batch of these rows, gives back.

    Raises: OutOfMemory: an allocation failed; nothing of the attempt is held any more.
    """
    try:
        return work()
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        words = str(error).split("\n", 1)[0]
    # outside the handler: the error held the graph, and with it the memory
    raise OutOfMemory(Shortage(len(features), sum(item.num_tokens for item in features), words))


def relieve(shortage: Shortage, *, where: str) -> tuple[int, str]:
    """Tokens that micro-batches may hold from now on, and a sentence that says so.

    They are fewer each time, because a micro-batch of several rows that failed is cut in two.
    Raises: RunError: it was a single row.
    """
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    if shortage.num_rows == 1:
        raise RunError(
            f"{where}: out of memory with one row of {shortage.num_tokens} tokens at a time "
            f"({shortage.words}).\n    Set training.gradient_checkpointing=true, lower "
            "training.max_length, or free memory; the same command continues the run."
        )
    tokens = max(1, shortage.num_tokens // 2)
    return tokens, (
        f"{where}: out of memory; the same again with micro-batches of {tokens} tokens instead of "
        f"{shortage.num_tokens} (same rows per step)"
    )
