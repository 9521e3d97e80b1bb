"""When memory runs out: smaller micro-batches, activations formed again, or an error."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import torch

from luthier.core.errors import RunError
from luthier.data.features import Features
from luthier.engine.job import Job
from luthier.ops.out_of_memory import is_out_of_memory

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Shortage:
    """The micro-batch for which memory was too small."""

    lengths: tuple[int, ...]
    """Tokens of each row; none: it was about weights alone."""
    is_backward: bool
    """Whether activations were kept for a backward pass."""
    words: str
    """The allocator's own."""

    @property
    def num_rows(self) -> int:
        return len(self.lengths)

    @property
    def num_tokens(self) -> int:
        return sum(self.lengths)

    @property
    def longest(self) -> int:
        return max(self.lengths)


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
    lengths = [item.num_tokens for item in features]
    try:
        return work()
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        words = str(error).split("\n", 1)[0]
    # outside the handler: the error held the graph, and with it the memory
    raise OutOfMemory(Shortage(tuple(lengths), torch.is_grad_enabled(), words))


def relieve(job: Job, shortage: Shortage, *, tokens: int, where: str) -> tuple[int, str]:
    """Tokens that micro-batches may hold from now on, and a sentence about what was done.

    A micro-batch of several rows is cut: they get smaller each time. For a single row activations
    are formed again, where the recipe leaves that to us.
    Args: tokens: as many as they may hold now.
    Raises: RunError: nothing is left to try.
    """
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    if not shortage.lengths:
        raise RunError(
            f"{where}: out of memory in an option of `keep` that compares weights with others "
            f"it holds ({shortage.words}).\n    Leave it out, choose a tuner that moves fewer "
            "weights, or free memory; the same command continues the run."
        )
    plan, again = job.plan, f"{where}: out of memory; the same again with"
    if shortage.num_rows > 1 and job.objective.additive:
        fewer = max(shortage.num_tokens // 2, shortage.longest)
        return fewer, (
            f"{again} micro-batches of {fewer} tokens instead of {shortage.num_tokens} (same rows "
            "per step)"
        )
    if shortage.is_backward and plan.may_recompute and not plan.gradient_checkpointing:
        recompute(job)
        return tokens, f"{again} training.gradient_checkpointing=true (same numbers, more time)"
    raise RunError(f"{where}: {_nothing_left(job, shortage)}")


def recompute(job: Job) -> None:
    """From now on form activations again in the backward pass."""
    job.plan = replace(job.plan, gradient_checkpointing=True)
    job.bundle.trunk.set_checkpointing(on=True)


def _nothing_left(job: Job, shortage: Shortage) -> str:
    tokens, words = shortage.num_tokens, shortage.words
    ways = ["lower training.max_length", "or free memory"]
    what = f"out of memory with one row of {tokens} tokens at a time ({words})."
    if not job.objective.additive:
        ways.insert(0, "lower training.batch_size")
        what = (
            f"out of memory with a batch of {tokens} tokens ({words}). The objective compares its "
            "rows with one another, so it cannot be cut."
        )
    if shortage.is_backward and not job.plan.gradient_checkpointing:
        ways.insert(0, "set training.gradient_checkpointing=true")
    said = ", ".join(ways)
    return f"{what}\n    {said[0].upper()}{said[1:]}; the same command continues the run."
