"""Trained vectors before every sequence, read through ids beyond the vocabulary.

Whoever runs a model puts the ids of `SoftPrompt.ids()` before the tokens of a sequence; positions,
attention and caches then treat them as tokens like any other.
Letters: P virtual tokens, D width.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Literal, Protocol, cast

import torch
from torch import Tensor, nn

from luthier.models.added import Added

Encoder = Literal["mlp", "lstm"]


class Vectors(Protocol):
    """Where the vectors of a prompt come from."""

    def __call__(self) -> Tensor:
        """(P, D)"""
        ...


class Table(nn.Module):
    """The vectors themselves are trained (Lester et al. 2021, arXiv:2104.08691)."""

    def __init__(self, start_PD: Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(start_PD.detach().float().clone())

    def forward(self) -> Tensor:
        return self.weight


class Encoded(nn.Module):
    """The vectors come out of a small network over trained inputs: p-tuning.

    Source: Liu et al. 2021, arXiv:2103.10385; layers and their names as PEFT's PromptEncoder.
    """

    def __init__(self, start_PD: Tensor, kind: Encoder, *, hidden: int, num_layers: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(start_PD.detach().float().clone())
        width = start_PD.shape[1]
        self.lstm_head: nn.LSTM | None = None
        if kind == "lstm":
            self.lstm_head = nn.LSTM(
                width, hidden, num_layers=num_layers, bidirectional=True, batch_first=True
            )
            sizes = [2 * hidden, 2 * hidden, width]
        else:
            sizes = [width, hidden, hidden, width]
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise(sizes):
            layers += [nn.Linear(inputs, outputs), nn.ReLU()]
        self.mlp_head = nn.Sequential(*layers[:-1])

    def forward(self) -> Tensor:
        x_PD = self.weight
        if self.lstm_head is not None:
            x_PD = self.lstm_head(x_PD[None])[0][0]
        return self.mlp_head(x_PD)


class SoftPrompt(Added):
    """A model's table of tokens, continued by the vectors of a prompt."""

    def __init__(self, base: nn.Embedding, vectors: Table | Encoded) -> None:
        super().__init__()
        self.base, self.vectors = base, vectors
        self.length = len(vectors.weight)

    @property
    def weight(self) -> Tensor:
        """The table of the real tokens."""
        return self.base.weight

    @property
    def num_embeddings(self) -> int:
        """Real tokens; the prompt's ids begin here."""
        return self.base.num_embeddings

    def ids(self) -> Tensor:
        """What to put before every sequence (P,); none while it is not enabled."""
        first = self.num_embeddings
        return torch.arange(first, first + self.length * self.enabled, device=self.weight.device)

    def outputs(self) -> Tensor:
        """The vectors (P, D) in float32, whatever the types around."""
        with torch.autocast(self.weight.device.type, enabled=False):
            return cast(Vectors, self.vectors)()

    def forward(self, input: Tensor) -> Tensor:
        is_virtual = input >= self.num_embeddings
        if not input.is_cuda and not bool(is_virtual.any()):  # on a GPU asking would wait for it
            return self.base(input)
        words = self.base(input.masked_fill(is_virtual, 0))
        places = (input - self.num_embeddings).clamp(min=0)
        found = nn.functional.embedding(places, self.outputs()).to(words.dtype)
        return torch.where(is_virtual[..., None], found, words)


def table_of(model: nn.Module) -> nn.Module | None:
    """What turns token ids into vectors; None for a model of other inputs."""
    get = getattr(model, "get_input_embeddings", None)
    try:
        return None if get is None else get()
    except NotImplementedError:  # what transformers raises where there is none
        return None


def soft_prompt_of(model: nn.Module) -> SoftPrompt | None:
    """The prompt that was put into a model."""
    table = table_of(model)
    return table if isinstance(table, SoftPrompt) else None
