"""Prompts to completions with the model's own forward pass, many rows at a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from luthier.core.errors import ModelError
from luthier.generation.adapters import adapters_cast
from luthier.generation.alone import Alone
from luthier.generation.budget import free_bytes, plan, row_bytes, token_bytes
from luthier.generation.choose import generators_for, next_tokens
from luthier.generation.completion import Completion
from luthier.generation.prefix import shared_prefix
from luthier.generation.proof import passes_for
from luthier.models.bundle import Bundle
from luthier.models.lead import led_prompt

MIN_PREFIX = 16
"""Shorter shared beginnings are not worth a pass of their own."""
REFILL_SHARE = 0.2
"""Waiting rows are let in when at least this share of the slots is free."""
Tell = Callable[[int, int], None]


@dataclass(slots=True)
class _Row:
    index: int
    prompt: NDArray[np.int32]
    limit: int
    """New tokens this row may still write, at most."""
    generator: torch.Generator
    ids: list[int] = field(default_factory=list[int])
    logprobs: list[float] = field(default_factory=list[float])
    finished: bool = False
    end_id: int = -1
    seconds: float = 0.0

    @property
    def is_done(self) -> bool:
        return self.finished or len(self.ids) >= self.limit


def generate(
    bundle: Bundle,
    prompts: Sequence[NDArray[np.int32]],
    *,
    max_new_tokens: int,
    batch_tokens: int | Literal["auto"] = "auto",
    temperature: float = 0.0,
    top_p: float = 1.0,
    seed: int = 0,
    on_progress: Tell | None = None,
) -> list[Completion]:
    """One completion per prompt, in order.

    A beginning that all prompts share is read and held once. Rows leave when they end their turn,
    and waiting ones take their place. A prompt that fills the context gets an empty completion.
    Args: batch_tokens: own tokens of all rows, prompt and answer, held at once; auto: as many as
        fit into half a GiB, or half of a GPU's free memory.
        on_progress: called with (rows done, rows in all).
    """
    model = _model(bundle)
    room = bundle.facts.context_length
    generators = generators_for(range(len(prompts)), seed=seed)
    limits = [max(0, min(max_new_tokens, room - len(prompt))) for prompt in prompts]
    rows = [
        _Row(index, led_prompt(model, prompt), limits[index], generators[index])
        for index, prompt in enumerate(prompts)
    ]
    work = [row for row, prompt in zip(rows, prompts, strict=True) if row.limit and len(prompt)]
    if work:
        with evaluating(model), torch.inference_mode(), adapters_cast(model):
            writer = _Writer(
                bundle, work, partial(next_tokens, temperature=temperature, top_p=top_p)
            )
            writer.tell = on_progress
            writer.run(batch_tokens)
    return [_completion(bundle, row) for row in rows]


class _Writer:
    """All rows from their prompts to their last tokens, through one or several rooms."""

    def __init__(
        self, bundle: Bundle, work: Sequence[_Row], choose: Callable[..., tuple[Tensor, Tensor]]
    ) -> None:
        prompts = [row.prompt for row in work]
        shared = prompts[0][: shared_prefix(prompts, at_least=MIN_PREFIX)]
        self.model: Any = bundle.model
        self.passes = passes_for(bundle, shared)
        self.stop, self.choose = bundle.codec.end_of_turn_ids, choose
        self.work = sorted(work, key=lambda row: (-self._need(row), row.index))
        self.active: list[_Row] = []
        self.num_done = 0
        self.tell: Tell | None = None

    def run(self, batch_tokens: int | Literal["auto"]) -> None:
        """Write every row to its end."""
        slots_for = partial(self._slots_for, batch_tokens)
        for part, num_slots in plan([self._need(row) for row in self.work], slots_for):
            waiting = self.work[part]
            self.passes.open(num_slots=num_slots, num_columns=self._need(waiting[0]))
            while waiting or self.active:
                num_free = num_slots - len(self.active)
                if waiting and num_free >= max(1, REFILL_SHARE * num_slots):
                    new, waiting = waiting[:num_free], waiting[num_free:]
                    self._choose(new, partial(self.passes.read, [row.prompt for row in new]))
                    self.active += new
                else:
                    last = [row.ids[-1] for row in self.active]
                    self._choose(self.active, partial(self.passes.step, last))
                self._leave()

    def _need(self, row: _Row) -> int:
        """Own tokens that are held for a row; its last one is never read."""
        return len(row.prompt) - self.passes.num_shared + row.limit - 1

    def _slots_for(self, batch_tokens: int | Literal["auto"], num_columns: int) -> int:
        if isinstance(self.passes, Alone):
            return 1
        if batch_tokens != "auto":
            return batch_tokens // num_columns
        config, dtype = self.model.config, self.model.dtype
        shared = self.passes.num_shared * token_bytes(config, dtype)
        free = free_bytes(self.passes.device) - shared
        return free // row_bytes(config, dtype, num_columns=num_columns)

    def _choose(self, rows: Sequence[_Row], logits: Callable[[], Tensor]) -> None:
        started = time.perf_counter()
        generators = [row.generator for row in rows]
        ids_B, logprobs_B = self.choose(logits(), generators=generators)
        chosen = zip(rows, ids_B.tolist(), logprobs_B.tolist(), strict=True)
        seconds = (time.perf_counter() - started) / len(rows)
        for row, token, logprob in chosen:
            row.seconds += seconds
            row.logprobs.append(logprob)
            if token in self.stop:
                row.finished, row.end_id = True, token
            else:
                row.ids.append(token)

    def _leave(self) -> None:
        before = self.num_done
        for slot in reversed(range(len(self.active))):
            if self.active[slot].is_done:
                self.passes.leave(slot)
                last = self.active.pop()
                if slot < len(self.active):
                    self.active[slot] = last
                self.num_done += 1
        if self.tell is not None and self.num_done > before:
            self.tell(self.num_done, len(self.work))


@contextmanager
def evaluating(model: nn.Module) -> Generator[None]:
    """The model is in evaluation mode, and afterwards in the mode it was in."""
    was_training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(was_training)


def _completion(bundle: Bundle, row: _Row) -> Completion:
    return Completion(
        np.array(row.ids, np.int32),
        bundle.codec.decode(row.ids),
        np.array(row.logprobs, np.float32),
        row.finished,
        row.seconds,
        row.end_id,
    )


def _model(bundle: Bundle) -> nn.Module:
    if bundle.kind != "causal_lm":
        raise ModelError(
            f"model {bundle.source.reference}: is a {bundle.kind}; only a causal_lm can generate"
            " text. Use predict for its labels."
        )
    return bundle.model
