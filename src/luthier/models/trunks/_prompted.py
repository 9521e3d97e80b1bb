"""A model with a trained prompt, run by any trunk: its ids go before every sequence.

Letters: P virtual tokens, N tokens of a batch, M tokens wanted.
"""

from __future__ import annotations

import torch
from torch import Tensor

from luthier.data.features import Batch
from luthier.models.bundle import Head, Trunk
from luthier.models.soft_prompt import SoftPrompt


class PromptedTrunk:
    """Implements `models.bundle.Trunk` on another, which runs the longer sequences."""

    def __init__(self, inner: Trunk, prompt: SoftPrompt) -> None:
        self.inner, self.prompt = inner, prompt
        self.name, self.notes = inner.name, inner.notes

    def hidden(self, batch: Batch, at_M: Tensor | None = None) -> Tensor:
        """Final normed hidden states (M, D) of the tokens of `batch`; none of the prompt's own."""
        longer, places_N = led(batch, self.prompt.ids())
        return self.inner.hidden(longer, places_N if at_M is None else places_N[at_M])

    def head(self) -> Head:
        """The language-model head."""
        return self.inner.head()

    def scores(self, batch: Batch) -> Tensor:
        """Class scores. An encoder's are read from its first position, which is the prompt's."""
        return self.inner.scores(led(batch, self.prompt.ids())[0])

    def token_scores(self, batch: Batch, at_M: Tensor | None = None) -> Tensor:
        """Scores of the tokens of `batch`."""
        longer, places_N = led(batch, self.prompt.ids())
        return self.inner.token_scores(longer, places_N if at_M is None else places_N[at_M])

    def set_checkpointing(self, *, on: bool) -> None:
        """As the other trunk does it."""
        self.inner.set_checkpointing(on=on)


def led(batch: Batch, ids_P: Tensor) -> tuple[Batch, Tensor]:
    """The batch with `ids_P` before every sequence, and where its own tokens went (N,)."""
    size = len(ids_P)
    parts = batch.input_ids_N.split(list(batch.lengths))
    ids_N = torch.cat([piece for part in parts for piece in (ids_P, part)])
    counts = torch.tensor(batch.lengths)
    before_N = torch.arange(1, len(counts) + 1).repeat_interleave(counts) * size
    places_N = torch.arange(batch.num_tokens) + before_N
    lengths = tuple(size + length for length in batch.lengths)
    return Batch(ids_N, lengths, batch.rows, batch.tensors), places_N.to(ids_N.device)
