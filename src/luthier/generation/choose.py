"""The next token of each row, from its logits."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from luthier.core.seeds import derive


def next_tokens(
    logits_BV: Tensor,
    *,
    temperature: float,
    generators: Sequence[torch.Generator],
    top_p: float = 1.0,
) -> tuple[Tensor, Tensor]:
    """Chosen ids (B,) and their natural log-probabilities (B,) in float32, before temperature.

    Temperature 0 takes the most likely token. Each row draws from its own generator, so that what
    a row says does not depend on the rows beside it.
    Args: top_p: draw among the fewest tokens that hold this share of the probability.
    Source: Holtzman et al. 2020, arXiv:1904.09751, section 3.1.
    """
    logits_BV = logits_BV.float()
    if temperature == 0.0:
        ids_B = logits_BV.argmax(-1)
    else:
        probabilities_BV = (logits_BV / temperature).softmax(-1).cpu()
        if top_p < 1.0:
            probabilities_BV = nucleus(probabilities_BV, top_p)
        drawn = [
            torch.multinomial(row, 1, generator=generator)
            for row, generator in zip(probabilities_BV, generators, strict=True)
        ]
        ids_B = torch.cat(drawn).to(logits_BV.device)
    chosen_B = logits_BV.gather(-1, ids_B[:, None])[:, 0]
    return ids_B, chosen_B - logits_BV.logsumexp(-1)


def nucleus(probabilities_BV: Tensor, top_p: float) -> Tensor:
    """The same probabilities, 0 outside the fewest tokens that together hold `top_p`."""
    sorted_BV, order_BV = probabilities_BV.sort(-1, descending=True)
    before_BV = sorted_BV.cumsum(-1) - sorted_BV
    kept_BV = torch.where(before_BV < top_p, sorted_BV, 0.0)
    return torch.zeros_like(probabilities_BV).scatter_(-1, order_BV, kept_BV)


def generators_for(rows: Sequence[int], *, seed: int) -> list[torch.Generator]:
    """One named random stream per row."""
    return [torch.Generator().manual_seed(derive(seed, "generation", row)) for row in rows]
