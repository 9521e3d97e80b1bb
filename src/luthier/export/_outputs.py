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

NUM_POSITIONS = 32
NUM_NEW_TOKENS = 24
MAX_TOKENS = 512


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


def rounded_at_random(model: nn.Module, rounding: float) -> None:
    """Multiply the matrices that merging rounds by 1 + e, e uniform within `rounding`.

    These are the layers with adapters, or all when there are none. Use within `in_float32`.
    """
    generator = torch.Generator().manual_seed(0)
    matrices = {name: p for name, p in model.named_parameters() if p.ndim >= 2}
    adapted = [p for name, p in matrices.items() if name.endswith(".base.weight")]
    for parameter in adapted or matrices.values():
        errors = torch.rand(parameter.shape, generator=generator).to(parameter.device)
        parameter.data = parameter.data * (1 + rounding * (2 * errors - 1))


@torch.no_grad()
def outputs(
    model: Any, prompts: Sequence[Tensor], *, classifies: bool, generates: bool = True
) -> dict[str, Tensor]:
    """Tensors by name for every prompt (T,): `scores_i` (C,) of a classifier; otherwise `logits_i`
    (P, V) at even distances, and greedy `tokens_i` (S,) with their `steps_i` (S, V)."""
    found: dict[str, Tensor] = {}
    for index, ids_T in enumerate(prompts):
        ids_1T = ids_T[:MAX_TOKENS].long().unsqueeze(0).to(model.device)
        result = model(input_ids=ids_1T, attention_mask=torch.ones_like(ids_1T))
        if classifies:
            found[f"scores_{index}"] = result.logits[0].float().cpu()
            continue
        found[f"logits_{index}"] = result.logits[0, _places(ids_1T.shape[1])].float().cpu()
        if generates:
            found |= _greedy(model, ids_1T, index)
    return found


def _places(num_tokens: int) -> Tensor:
    count = min(NUM_POSITIONS, num_tokens)
    return torch.linspace(0, num_tokens - 1, count).round().long()


def _greedy(model: Any, ids_1T: Tensor, index: int) -> dict[str, Tensor]:
    """Continue the first three quarters of the row, so that the text is not over at once."""
    start_1T = ids_1T[:, : max(1, 3 * ids_1T.shape[1] // 4)]
    generated = model.generate(
        input_ids=start_1T,
        attention_mask=torch.ones_like(start_1T),
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
    tokens_S = generated.sequences[0, start_1T.shape[1] :].cpu()
    steps_SV = torch.cat(list(generated.logits)).float().cpu()
    return {f"tokens_{index}": tokens_S, f"steps_{index}": steps_SV}
