"""An open model with all that is needed to use it: weights, codec, the way to run it, and facts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from luthier.data.features import Batch
from luthier.data.rows import Chat, Message
from luthier.models.vectors import Vectors

Kind = Literal[
    "causal_lm",
    "sequence_classifier",
    "token_classifier",
    "question_answerer",
    "embedder",
    "image_classifier",
]
"""What a model is opened as: which head it has on its pre-trained trunk (see `kinds`)."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where the weights came from, and what proves that they are the same next time."""

    reference: str
    """As the user wrote it."""
    folder: Path
    """Transformers layout on this disk (GGUF files are dequantised into the cache once)."""
    sha256: str
    """Over names and contents of the weight, config and tokenizer files."""
    license: str = "unknown"


@dataclass(frozen=True, slots=True)
class Facts:
    """What planning needs to know about a model."""

    architecture: str
    num_parameters: int
    num_trunk_parameters: int
    """Without embeddings and head: what each token is multiplied with."""
    num_layers: int
    hidden_size: int
    vocabulary_size: int
    context_length: int
    weight_bytes: int

    def flops_per_token(self, *, trained_weights: bool) -> float:
        """Forward and backward FLOPs of the trunk per token: 6N when its weights move, else 4N.

        Source: Kaplan et al. 2020, arXiv:2001.08361, section 2.1.
        """
        return (6.0 if trained_weights else 4.0) * self.num_trunk_parameters


@dataclass(frozen=True, slots=True)
class Segment:
    """A run of tokens of one rendered conversation."""

    start: int
    end: int
    turn: int
    """Index of the message; -1 for tokens that belong to none."""
    role: str
    trained: bool


@dataclass(frozen=True, slots=True)
class Rendered:
    """A conversation as tokens, and which of them the assistant wrote.

    `loss_weights[t]` is the weight of the turn for tokens the assistant produces (content and the
    end-of-turn token), else 0.
    """

    input_ids: NDArray[np.int32]
    loss_weights: NDArray[np.float32]
    segments: tuple[Segment, ...]


class Codec(Protocol):
    """Text and conversations to tokens and back, for one model."""

    tokenizer: Any
    """Of transformers; None for a model that reads pictures."""
    has_template: bool
    end_of_turn_ids: frozenset[int]
    """Generation stops at any of these."""
    end_of_text_id: int
    """Closes a document."""
    is_plain: bool
    """Conversations are rendered as bare text, not through the template."""

    @property
    def max_length(self) -> int:
        """Most tokens it was made for."""
        ...

    def save(self, folder: Path) -> None:
        """Write into `folder` what opens it again."""
        ...

    def plain(self) -> Codec:
        """The same with conversations as bare text."""
        ...

    def add_tokens(self, tokens: Sequence[str]) -> None:
        """Add tokens that the tokenizer lacks, as ordinary text that is never cut.

        Raises: ModelError: it reads no text.
        """
        ...

    def encode(self, text: str, text_pair: str = "") -> NDArray[np.int32]:
        """Token ids of plain text, with the model's own special tokens around it."""
        ...

    def picture(self, path: str, *, where: str) -> NDArray[np.uint8]:
        """The picture in a file as bytes (C, H, W), resized and cropped as the model wants it.

        Raises: DataError: the picture cannot be used; naming `where`. ModelError: it reads text.
        """
        ...

    def finish(self) -> NDArray[np.float32]:
        """What makes of such bytes what the model reads, (2, C): times the first, plus the second.

        Raises: ModelError: it reads text.
        """
        ...

    def encode_document(self, text: str) -> NDArray[np.int32]:
        """Token ids of running text closed by end-of-text; special tokens in it stay text."""
        ...

    def render(self, row: Chat) -> Rendered:
        """The conversation through the model's own template, mask derived by rendering.

        Raises: MaskError: the template does not allow a mask that can be proved.
        """
        ...

    def render_plain(self, row: Chat) -> Rendered:
        """The conversation as bare text without a template, mask exact by construction."""
        ...

    def prompt(self, messages: Sequence[Message], row: Chat | None = None) -> NDArray[np.int32]:
        """What generation is given: the rendered messages up to where the assistant begins."""
        ...

    def decode(self, ids: Sequence[int]) -> str:
        """Text of generated ids, without special tokens."""
        ...


@dataclass(frozen=True, slots=True)
class Head:
    """How final hidden states become logits: (x @ weight.T + bias) * scale, soft-capped.

    Shapes: weight (V, D), bias (V,) or None. softcap 0 means none: cap * tanh(logits / cap).
    """

    weight: Tensor
    bias: Tensor | None = None
    scale: float = 1.0
    softcap: float = 0.0


class Trunk(Protocol):
    """A way to run one model over sequences laid end to end. Differentiable."""

    name: str
    """"general" or the name of the family's fast path."""
    notes: list[str]
    """What a user should know about the way this model runs."""

    def hidden(self, batch: Batch, at_M: Tensor | None = None) -> Tensor:
        """Final (normed) hidden states (M, D) at tokens `at_M` (int64, sorted; None: all)."""
        ...

    def head(self) -> Head:
        """The language-model head of a causal LM."""
        ...

    def scores(self, batch: Batch) -> Tensor:
        """Class scores (B, C) in float32, one row per sequence, of a sequence classifier."""
        ...

    def token_scores(self, batch: Batch, at_M: Tensor | None = None) -> Tensor:
        """Scores (M, C), float32, of tokens `at_M` (None: all) by the head of a token classifier,
        or start and end (C = 2) by that of a question answerer."""
        ...

    def set_checkpointing(self, *, on: bool) -> None:
        """Whether activations are formed again in the backward pass instead of kept."""
        ...


@dataclass(frozen=True, slots=True)
class Cut:
    """What training did with texts that are too long; whoever reads texts later does the same."""

    max_length: int = 0
    """Tokens that were left of them; 0: as many as the model reads."""
    keeps_end: bool = False
    """The beginning was cut, not the end."""


@dataclass(slots=True)
class Outline:
    """A model as far as names and shapes go; its weights may be elsewhere (models/outline.py)."""

    model: nn.Module
    kind: Kind
    facts: Facts


@dataclass(slots=True)
class Bundle(Outline):
    """A model in use. Tuners change `model`; `trunk` is rebuilt after they did."""

    codec: Codec
    source: Source
    trunk: Trunk
    labels: tuple[str, ...] = ()
    """Names of the classes, in the order of the scores."""
    notes: list[str] = field(default_factory=list[str])
    """What was decided while loading, for the record."""
    vectors: Vectors = field(default_factory=Vectors)
    """How an embedder makes one vector of a text."""
    cut: Cut = field(default_factory=Cut)

    @property
    def longest(self) -> int:
        """Most tokens of a text that are read at once."""
        limits = (self.facts.context_length, self.codec.max_length, self.cut.max_length)
        return min(limit for limit in limits if limit)
