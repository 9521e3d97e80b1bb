"""The next token of each row, from its logits."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from luthier.core.seeds import derive


def next_tokens(
    logits_BV: Tensor, *, temperature: float, generators: Sequence[torch.Generator]
) -> tuple[Tensor, Tensor]:
    """Chosen ids (B,) and their natural log-probabilities (B,) in float32, before temperature.

    Temperature 0 takes the most likely token. Each row draws from its own generator, so that what
    a row says does not depend on the rows beside it.
    """
    logits_BV = logits_BV.float()
    if temperature == 0.0:
        ids_B = logits_BV.argmax(-1)
    else:
        probabilities_BV = (logits_BV / temperature).softmax(-1).cpu()
        drawn = [
            torch.multinomial(row, 1, generator=generator)
            for row, generator in zip(probabilities_BV, generators, strict=True)
        ]
        ids_B = torch.cat(drawn).to(logits_BV.device)
    chosen_B = logits_BV.gather(-1, ids_B[:, None])[:, 0]
    return ids_B, chosen_B - logits_BV.logsumexp(-1)


def generators_for(rows: Sequence[int], *, seed: int) -> list[torch.Generator]:
    """One named random stream per row."""
    return [torch.Generator().manual_seed(derive(seed, "generation", row)) for row in rows]
