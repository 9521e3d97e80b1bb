"""What a transformers model answers to token ids, in float32: the quantities of the parity gate.

Runs alike on the trained model and, in another process, on the files made from it.
Letters: T tokens, P positions looked at, V vocabulary, C classes, S generated tokens.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from luthier.models.bundle import Kind
from luthier.models.lead import called_with, continued_from
from luthier.models.trunks._scores import answer

NUM_POSITIONS = 32
NUM_NEW_TOKENS = 24
MAX_TOKENS = 512
SIZE = 64
"""Pixels to a side, for models that take any."""


@contextmanager
def in_float32(model: nn.Module) -> Generator[None]:
    """Within it every floating weight is float32, exactly; afterwards the tensors are as before."""
    tensors = [*model.parameters(), *model.buffers()]
    kept = [(tensor, tensor.data) for tensor in tensors if tensor.is_floating_point()]
    was_training = model.training
    try:
        for tensor, data in kept:
            tensor.data = data.float()
        model.eval()
        yield
    finally:
        for tensor, data in kept:
            tensor.data = data
        model.train(was_training)


@torch.no_grad()
def outputs(
    model: Any, prompts: Sequence[Tensor], *, kind: Kind, generates: bool = True
) -> dict[str, Tensor]:
    """Tensors by name for every prompt (T,): of a causal LM `logits_i` (P, V) at even distances,
    and greedy `tokens_i` (S,) with their `steps_i` (S, V); of other kinds `scores_i`: those of the
    text (C,), those at even distances (P, C), or final hidden states there (P, D).

    A model of pictures is given one drawn from the first token of each prompt.
    """
    found: dict[str, Tensor] = {}
    rows = [ids_T[:MAX_TOKENS].long().to(model.device) for ids_T in prompts]
    for index, ids_T in enumerate(rows):
        if kind == "image_classifier":
            found[f"scores_{index}"] = model(_drawn(model, ids_T)).logits[0].float().cpu()
            continue
        said = answer(model(**called_with(model, ids_T[None])))[0]
        if kind == "sequence_classifier":
            found[f"scores_{index}"] = said.float().cpu()
            continue
        said = said[-len(ids_T) :]  # those of a trained prompt come before
        name = "logits" if kind == "causal_lm" else "scores"
        found[f"{name}_{index}"] = said[_places(len(ids_T))].float().cpu()
    return found | _greedy(model, rows) if generates and kind == "causal_lm" else found


def _drawn(model: Any, ids_T: Tensor) -> Tensor:
    """A picture (1, C, H, W) of numbers of mean 0 and spread 1."""
    config = model.config
    size = getattr(config, "image_size", SIZE)
    height, width = size if isinstance(size, list | tuple) else (size, size)
    draws = torch.Generator().manual_seed(int(ids_T[0]))
    shape = (1, int(getattr(config, "num_channels", 3)), int(height), int(width))
    return torch.randn(shape, generator=draws).to(model.device)


def _places(num_tokens: int) -> Tensor:
    count = min(NUM_POSITIONS, num_tokens)
    return torch.linspace(0, num_tokens - 1, count).round().long()


def _greedy(model: Any, rows: Sequence[Tensor]) -> dict[str, Tensor]:
    """Continue a piece of every row, all at once and equally long, so that nothing is padded.

    A piece ends after three quarters of its row: the text is not over at once, and rows that begin
    alike are told apart.
    """
    ends = [max(1, 3 * len(ids_T) // 4) for ids_T in rows]
    length = min(ends)
    pieces = [ids_T[end - length : end] for ids_T, end in zip(rows, ends, strict=True)]
    start = continued_from(model, torch.stack(pieces))
    length = start["input_ids"].shape[1]
    generated = model.generate(
        **start,
        max_new_tokens=NUM_NEW_TOKENS,
        do_sample=False,
        num_beams=1,
        repetition_penalty=1.0,
        temperature=None,
        top_p=None,
        top_k=None,
        pad_token_id=0,
        output_logits=True,
        return_dict_in_generate=True,
    )
    tokens_BS = generated.sequences[:, length:].cpu()
    steps_BSV = torch.stack(list(generated.logits), 1).float().cpu()
    found: dict[str, Tensor] = {}
    for index, tokens_S in enumerate(tokens_BS):
        size = _num_tokens(tokens_S, model.generation_config.eos_token_id)
        found[f"tokens_{index}"] = tokens_S[:size].clone()
        found[f"steps_{index}"] = steps_BSV[index, :size].clone()
    return found


def _num_tokens(tokens_S: Tensor, stops: int | list[int] | None) -> int:
    """Up to the first end of text; what follows fills up the batch."""
    if stops is None:
        return len(tokens_S)
    ends = torch.isin(tokens_S, torch.tensor(stops)).nonzero()
    return int(ends[0]) + 1 if len(ends) else len(tokens_S)
