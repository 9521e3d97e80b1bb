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
        ids_B = _drawn(probabilities_BV, generators).to(logits_BV.device)
    chosen_B = logits_BV.gather(-1, ids_B[:, None])[:, 0]
    return ids_B, chosen_B - logits_BV.logsumexp(-1)


def _drawn(probabilities_BV: Tensor, generators: Sequence[torch.Generator]) -> Tensor:
    """One token of each row: where its share of the summed probability is exceeded.

    One random number per row instead of one per entry of the vocabulary, as torch.multinomial has.
    """
    shares_B = torch.cat([torch.rand(1, generator=g, dtype=torch.float64) for g in generators])
    summed_BV = probabilities_BV.cumsum(-1, dtype=torch.float64)
    at_B1 = torch.searchsorted(summed_BV, shares_B[:, None] * summed_BV[:, -1:], right=True)
    return at_B1[:, 0]


def nucleus(probabilities_BV: Tensor, top_p: float) -> Tensor:
    """The same probabilities, 0 outside the fewest tokens that together hold `top_p`."""
    sorted_BV, order_BV = probabilities_BV.sort(-1, descending=True)
    before_BV = sorted_BV.cumsum(-1) - sorted_BV
    kept_BV = torch.where(before_BV < top_p, sorted_BV, 0.0)
    return torch.zeros_like(probabilities_BV).scatter_(-1, order_BV, kept_BV)


def generators_for(rows: Sequence[int], *, seed: int) -> list[torch.Generator]:
    """One named random stream per row."""
    return [torch.Generator().manual_seed(derive(seed, "generation", row)) for row in rows]
