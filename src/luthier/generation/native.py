"""Prompts to completions with the model's own forward pass, many rows at a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import DynamicCache

from luthier.core.errors import ModelError
from luthier.generation.adapters import adapters_cast
from luthier.generation.cache import can_copy, copies, new_cache, rows_of
from luthier.generation.choose import generators_for, next_tokens
from luthier.generation.completion import Completion
from luthier.generation.prefix import shared_prefix
from luthier.models.bundle import Bundle

MIN_PREFIX = 16
"""Shorter shared beginnings are not worth a pass of their own."""
LEAVE_SHARE = 0.8
"""Finished rows are taken out of the batch when no more than this share is still writing."""


@dataclass(slots=True)
class _Row:
    index: int
    prompt: NDArray[np.int32]
    limit: int
    """New tokens this row may still write, at most."""
    ids: list[int] = field(default_factory=list[int])
    logprobs: list[float] = field(default_factory=list[float])
    finished: bool = False
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
    seed: int = 0,
    on_progress: Callable[[int, int], None] | None = None,
) -> list[Completion]:
    """One completion per prompt, in order.

    A beginning that all prompts share is read once. Rows of like length are run together, and
    leave when they end their turn. A prompt that fills the context gets an empty completion.
    Args: batch_tokens: tokens (prompt and answer, padded) held in the cache at once.
        on_progress: called with (rows done, rows in all).
    """
    room = bundle.facts.context_length
    rows = [
        _Row(index, prompt, max(0, min(max_new_tokens, room - len(prompt))))
        for index, prompt in enumerate(prompts)
    ]
    work = [row for row in rows if not row.is_done and len(row.prompt)]
    was_training = bundle.model.training
    bundle.model.eval()
    try:
        with torch.inference_mode(), adapters_cast(bundle.model):
            _generate_all(bundle, work, batch_tokens, temperature, seed, on_progress)
    finally:
        bundle.model.train(was_training)
    return [_completion(bundle, row) for row in rows]


def _generate_all(
    bundle: Bundle,
    work: list[_Row],
    batch_tokens: int | Literal["auto"],
    temperature: float,
    seed: int,
    on_progress: Callable[[int, int], None] | None,
) -> None:
    prefix, num_shared = _read_shared(bundle, [row.prompt for row in work])
    if batch_tokens == "auto":
        batch_tokens = 16_384 if _device(bundle).type == "cpu" else 131_072
    done = 0
    for batch in _batches(work, batch_tokens=batch_tokens):
        started = time.perf_counter()
        writer = _Writer(bundle, batch, prefix, num_shared, temperature, seed)
        writer.run()
        for row in batch:
            row.seconds = (time.perf_counter() - started) / len(batch)
        done += len(batch)
        if on_progress is not None:
            on_progress(done, len(work))


def _read_shared(
    bundle: Bundle, prompts: Sequence[NDArray[np.int32]]
) -> tuple[DynamicCache | None, int]:
    num_shared = shared_prefix(prompts, at_least=MIN_PREFIX)
    if not num_shared:
        return None, 0
    cache = new_cache(_config(bundle))
    ids_1T = torch.from_numpy(prompts[0][None, :num_shared]).long().to(_device(bundle))
    _model(bundle)(input_ids=ids_1T, past_key_values=cache, use_cache=True, logits_to_keep=1)
    return (cache, num_shared) if can_copy(cache) else (None, 0)


def _batches(work: list[_Row], *, batch_tokens: int) -> Iterator[list[_Row]]:
    """Rows of like length together, the longest first, so that memory is largest at the start."""
    batch: list[_Row] = []
    longest = 0
    for row in sorted(work, key=lambda row: (-len(row.prompt), row.index)):
        longest = max(longest, len(row.prompt) + row.limit)
        if batch and longest * (len(batch) + 1) > batch_tokens:
            yield batch
            batch, longest = [], len(row.prompt) + row.limit
        batch.append(row)
    if batch:
        yield batch


class _Writer:
    """One batch from its prompts to its last token. Prompts are padded on the left.

    Cache columns: the shared prefix, then padding and the rest of each prompt, then the answers.
    """

    def __init__(
        self,
        bundle: Bundle,
        rows: list[_Row],
        prefix: DynamicCache | None,
        num_shared: int,
        temperature: float,
        seed: int,
    ) -> None:
        self.model, self.device = _model(bundle), _device(bundle)
        self.config, self.stop = _config(bundle), bundle.codec.end_of_turn_ids
        self.rows, self.prefix, self.num_shared = rows, prefix, num_shared
        self.temperature = temperature
        self.generators = generators_for([row.index for row in rows], seed=seed)

    def run(self) -> None:
        """Write every row to its end."""
        logits_BV = self._read_prompts()
        while True:
            ids_B, logprobs_B = next_tokens(
                logits_BV, temperature=self.temperature, generators=self.generators
            )
            self._note(ids_B.tolist(), logprobs_B.tolist())
            if all(row.is_done for row in self.rows):
                return
            logits_BV = self._step(self._leave(ids_B))

    def _read_prompts(self) -> Tensor:
        rests = [row.prompt[self.num_shared :] for row in self.rows]
        width = max(len(rest) for rest in rests)
        ids_BT = np.zeros((len(rests), width), np.int64)
        mask_BT = np.zeros((len(rests), width), np.int64)
        for index, rest in enumerate(rests):
            ids_BT[index, width - len(rest) :] = rest
            mask_BT[index, width - len(rest) :] = 1
        positions_BT = np.clip(mask_BT.cumsum(1) - 1, 0, None) + self.num_shared
        new = torch.from_numpy(mask_BT).to(self.device)
        self.mask_BT = torch.cat([new.new_ones(len(rests), self.num_shared), new], dim=1)
        self.positions_B = torch.from_numpy(positions_BT[:, -1]).to(self.device)
        self.cache = self._cache()
        return self._forward(
            torch.from_numpy(ids_BT).to(self.device), torch.from_numpy(positions_BT).to(self.device)
        )

    def _cache(self) -> DynamicCache:
        if self.prefix is None:
            return new_cache(self.config)
        return copies(self.prefix, self.config, num_rows=len(self.rows))

    def _step(self, ids_B: Tensor) -> Tensor:
        self.mask_BT = torch.cat([self.mask_BT, self.mask_BT.new_ones(len(self.rows), 1)], dim=1)
        self.positions_B = self.positions_B + 1
        return self._forward(ids_B[:, None], self.positions_B[:, None])

    def _forward(self, ids_BT: Tensor, positions_BT: Tensor) -> Tensor:
        output = self.model(
            input_ids=ids_BT,
            attention_mask=self.mask_BT,
            position_ids=positions_BT,
            past_key_values=self.cache,
            use_cache=True,
            logits_to_keep=1,
        )
        return output.logits[:, -1]

    def _note(self, ids: list[int], logprobs: list[float]) -> None:
        for row, token, logprob in zip(self.rows, ids, logprobs, strict=True):
            if row.is_done:
                continue
            row.logprobs.append(logprob)
            if token in self.stop:
                row.finished = True
            else:
                row.ids.append(token)

    def _leave(self, ids_B: Tensor) -> Tensor:
        """The ids of the rows that stay, after finished rows left where that pays."""
        stay = [index for index, row in enumerate(self.rows) if not row.is_done]
        if len(stay) > LEAVE_SHARE * len(self.rows):
            return ids_B
        indices = rows_of(stay, self.device)
        self.cache.batch_select_indices(indices)
        self.mask_BT, self.positions_B = self.mask_BT[indices], self.positions_B[indices]
        self.rows = [self.rows[index] for index in stay]
        self.generators = [self.generators[index] for index in stay]
        return ids_B[indices]


def _completion(bundle: Bundle, row: _Row) -> Completion:
    return Completion(
        np.array(row.ids, np.int32),
        bundle.codec.decode(row.ids),
        np.array(row.logprobs, np.float32),
        row.finished,
        row.seconds,
    )


def _model(bundle: Bundle) -> Any:
    if bundle.kind != "causal_lm":
        raise ModelError(
            f"model {bundle.source.reference}: is a {bundle.kind}; only a causal_lm can generate"
            " text. Use predict for its labels."
        )
    return bundle.model


def _config(bundle: Bundle) -> Any:
    return bundle.model.config


def _device(bundle: Bundle) -> torch.device:
    return next(bundle.model.parameters()).device
