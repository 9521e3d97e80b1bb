"""LoRA: a trained low-rank term beside every chosen linear layer; the base stays frozen."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field, field_validator, model_validator
from torch import Tensor, nn

from luthier.core import seeds
from luthier.core.config import Auto, ComponentConfig
from luthier.models.bundle import Bundle, Codec, Facts, Kind, Outline
from luthier.models.linear import Linear
from luthier.models.low_rank import LowRankLinear
from luthier.models.token_rows import train_tokens
from luthier.tuners import tuners
from luthier.tuners._best import BEST, best, meant, number_of, refuse_more
from luthier.tuners._low_rank import (
    check_rank,
    check_same,
    from_peft_tensors,
    merge_all,
    peft_config,
    peft_tensors,
    tensors_of,
    trained_whole,
    untuned,
)
from luthier.tuners._low_rank_groups import low_rank_groups
from luthier.tuners._patterns import check, pattern_for, value_for
from luthier.tuners._peft import from_peft, to_peft
from luthier.tuners._principal import principal
from luthier.tuners._restore import copy_strictly
from luthier.tuners._tables import token_tables, train_tables
from luthier.tuners._targets import experts_left_out, heads_of, linear_layers, matching, replace
from luthier.tuners._tokens import check_rows, extend, widen
from luthier.tuners.contract import ParamGroup, Peft

TABLES_RATE = 0.1
"""Of whole tables, where nothing is said."""
STABLE_ALPHA = 8.0
"""With rank stabilisation: the scaling that is usual, 2, at rank 16, and less above."""


class Config(ComponentConfig):
    """Low-rank adapters."""

    rank: int = Field(16, ge=1)
    """Rank of the added term; usual 4 to 64."""
    alpha: float | Auto = "auto"
    """The term is scaled by alpha / rank; auto: twice the rank (8 where rank_stabilised)."""
    dropout: float = Field(0.0, ge=0, lt=1)
    """Share of the term's inputs dropped in training."""
    target: str | list[str] = "all_linear"
    """Layers adapted: all_linear (never the language-model head), names or globs of them, or
    best:K, the K of them that the loss of some training rows depends on most."""
    chosen: list[str] | Auto = "auto"
    """The layers that best:K means; auto: measured before training, and recorded."""
    rank_pattern: dict[str, int] = Field(default_factory=dict[str, int])
    """Other ranks, for layers that a name, glob or regular expression means; the first counts."""
    alpha_pattern: dict[str, float] | Auto = "auto"
    """Other alphas, in the same way; auto: twice the ranks of rank_pattern, where alpha is auto."""
    rank_stabilised: bool = False
    """Scale by alpha / sqrt(rank) (rsLoRA): for ranks of 64 and more."""
    lengths: bool = False
    """Also train the length of every row of the adapted weights, apart from its direction (DoRA):
    often better at low ranks, about a third slower."""
    start: Literal["zero", "pissa"] = "zero"
    """Where the term starts: with B at zero, or at the weight's own largest singular values
    (PiSSA), which learns faster."""
    tokens: list[str] = Field(default_factory=list[str])
    """Tokens whose vectors are trained too, in the table and in the head; what the tokenizer lacks
    is added to it, and begins as the mean of the pieces it was."""
    embeddings: bool = False
    """Train every vector of the table of tokens too, and the head of a language model: for another
    language or many new words. They are saved whole, in float32."""
    embeddings_rate: float = Field(TABLES_RATE, gt=0)
    """Learning rate of these tables over that of the adapters."""
    rate_ratio: float = Field(1.0, gt=0)
    """Learning rate of B over that of A (LoRA+); usual 4 to 16, with a lower rate for A."""

    @field_validator("alpha")
    @classmethod
    def _positive(cls, value: float | str) -> float | str:
        if isinstance(value, float | int) and value <= 0:
            raise ValueError("expected a number above 0, or auto")
        return value

    @field_validator("rank_pattern", "alpha_pattern")
    @classmethod
    def _all_positive(cls, values: Mapping[str, float] | str) -> Mapping[str, float] | str:
        pairs = {} if isinstance(values, str) else values
        if wrong := [name for name, value in pairs.items() if value <= 0]:
            raise ValueError(f"expected numbers above 0, but not so: {', '.join(wrong)}")
        return values

    @model_validator(mode="after")
    def _has_effect(self) -> Config:
        is_best = isinstance(self.target, str) and self.target.startswith(BEST)
        if self.chosen and self.chosen != "auto" and not is_best:
            raise ValueError(f"chosen says what target = {BEST}K means; name layers in target")
        if self.embeddings_rate != TABLES_RATE and not self.embeddings:
            raise ValueError("embeddings_rate is of embeddings = true; add that, or leave it out")
        return self

    def rank_of(self, name: str) -> int:
        """Rank in the layer `name`."""
        return value_for(name, self.rank_pattern, self.rank)

    def scaling_of(self, name: str) -> float:
        """What the term is multiplied with in the layer `name`."""
        alpha, others = self.alphas()
        rank = self.rank_of(name)
        return value_for(name, others, alpha) / (math.sqrt(rank) if self.rank_stabilised else rank)

    def alphas(self) -> tuple[float, dict[str, float]]:
        """Alpha, and those of single layers."""
        usual = STABLE_ALPHA if self.rank_stabilised else 2.0 * self.rank
        follows = self.alpha == "auto" and not self.rank_stabilised
        others = {name: 2.0 * rank for name, rank in self.rank_pattern.items() if follows}
        given = others if self.alpha_pattern == "auto" else dict(self.alpha_pattern)
        return usual if self.alpha == "auto" else float(self.alpha), given


@tuners.add
class Lora:
    """Trains rank * (inputs + outputs) parameters per adapted layer, in float32; merges exactly.

    A head (and pooler), and with `embeddings` the tables of tokens, are trained whole and saved
    beside the adapter. A fresh adapter leaves the outputs as they are; with `lengths` there are
    `outputs` parameters more per layer, with `embeddings` vocabulary * width more (twice that where
    the head is a matrix of its own). Decay pulls towards the base, with start=pissa too (where
    PEFT's pulls its largest parts to zero).
    Source: Hu et al. 2021, arXiv:2106.09685; initialisation and names as in PEFT. Stabilised
    ranks: Kalajdzievski 2023, arXiv:2312.03732. Lengths: Liu et al. 2024, arXiv:2402.09353. PiSSA:
    Meng et al. 2024, arXiv:2404.02948. Rates: Hayou et al. 2024, arXiv:2402.12354.
    """

    Config = Config
    keeps_base: ClassVar[bool] = True
    moves_base: ClassVar[bool] = False
    merges: ClassVar[bool] = True
    saved_as: ClassVar[str] = "adapter"

    def __init__(self, config: Config) -> None:
        self.config = config
        self._first_whole: dict[str, Tensor] = {}

    @classmethod
    def resolve(cls, config: Config) -> dict[str, tuple[object, str]]:
        """alpha from the rank, in layers of another rank too."""
        alpha, others = config.alphas()
        found: dict[str, tuple[object, str]] = {}
        if config.alpha == "auto":
            why = "a scaling of 2 at rank 16" if config.rank_stabilised else "twice the rank"
            found["alpha"] = (alpha, why)
        if not number_of(config.target):
            found["chosen"] = ([], "target says which")
        if config.alpha_pattern == "auto":
            found["alpha_pattern"] = (others, "twice the ranks" if others else "none named")
        return found

    @classmethod
    def usual_rate(cls, facts: Facts, kind: Kind) -> tuple[float, str]:
        """2e-4 at a width of 4096, more for narrower models; for classes, with a fresh head, 5e-4.

        The power is that of Schulman et al., 2025, "LoRA Without Regret", for Llama, rounded.
        SmolLM2-135M (576 wide) on the demo's rows, two epochs, JSON fields right: 2e-4 35.9 %,
        5e-4 54.1 %, 1e-3 60.0 %; on 500 rows of Alpaca 1e-3 had the lower test loss too.
        """
        if kind != "causal_lm":
            return 5e-4, "usual for lora"
        rate = min(1e-3, 2e-4 * (4096 / facts.hidden_size) ** 0.75)  # no higher one was tried
        return float(f"{rate:.0e}"), f"usual for lora on a width of {facts.hidden_size}"

    def apply(self, bundle: Bundle, *, seed: int) -> Bundle:
        """The bundle with adapters in place; only they (and a head, and vectors of tokens) move.

        Raises: RecipeError: a pattern means no layer, a rank exceeds a layer's size, or the table
        of tokens cannot be trained so.
        """
        model, heads = bundle.model, heads_of(bundle)
        self._check_tables(model)
        token_ids = widen(bundle, self.config.tokens)  # may put new tables in place of the old
        layers = self._layers(bundle)
        bundle.notes += experts_left_out(bundle, self.config.target)
        model.requires_grad_(False)
        for name, layer in layers.items():
            generator = torch.Generator().manual_seed(seeds.derive(seed, "lora", name))
            added = self._added(name, layer, generator)
            added.train(layer.training)
            replace(model, name, added)
        if token_ids and not self.config.embeddings:
            train_tokens(model, list(token_ids.values()))
        for head in heads:
            model.get_submodule(head).requires_grad_(True)
        if self.config.embeddings:
            train_tables(model)
        whole = trained_whole(model).items()
        self._first_whole = {n: p.detach().float().clone() for n, p in whole}
        return bundle

    def extend(self, codec: Codec) -> None:
        """Add the tokens that are to be trained and are not there."""
        extend(codec, self.config.tokens)

    def widen(self, bundle: Bundle) -> None:
        """Give these tokens vectors."""
        widen(bundle, self.config.tokens)

    def parts(self, outline: Outline) -> dict[str, list[str]]:
        """Every linear layer, where the best of them are wanted and not known yet.

        Raises: RecipeError: more are wanted than there are.
        """
        if not number_of(self.config.target) or self.config.chosen != "auto":
            return {}
        layers = linear_layers(outline)
        refuse_more(number_of(self.config.target), len(layers))
        return {name: [f"{name}.weight"] for name in layers}

    def choose(self, relevance: Mapping[str, float]) -> dict[str, tuple[Any, str]]:
        """The best of the layers."""
        return {"chosen": best(relevance, number_of(self.config.target))}

    def check(self, outline: Outline) -> dict[str, Linear]:
        """The layers that will be adapted, or that the best are chosen from.

        Raises: RecipeError: a pattern means no layer, or a rank exceeds a layer's size.
        """
        self._check_tables(outline.model)
        return linear_layers(outline) if self.parts(outline) else self._layers(outline)

    def _check_tables(self, model: nn.Module) -> None:
        if self.config.embeddings:
            token_tables(model)
        else:
            check_rows(model, self.config.tokens)

    def _layers(self, outline: Outline) -> dict[str, Linear]:
        layers = linear_layers(outline)
        layers = matching(layers, meant(self.config.target, self.config.chosen))
        check(self.config.rank_pattern, layers, where="tuner.rank_pattern")
        check(self.config.alphas()[1], layers, where="tuner.alpha_pattern")
        for name, layer in layers.items():
            pattern = pattern_for(name, self.config.rank_pattern)
            where = "tuner.rank" if pattern is None else f"tuner.rank_pattern.{pattern}"
            check_rank(self.config.rank_of(name), name, layer, where=where)
        return layers

    def _added(self, name: str, layer: Linear, generator: torch.Generator) -> LowRankLinear:
        config, rank, scaling = self.config, self.config.rank_of(name), self.config.scaling_of(name)
        added = LowRankLinear(layer, rank=rank, scaling=scaling, dropout=config.dropout)
        added.reset(generator)
        if config.start == "pissa":
            weight = layer.weight
            added.start_from(*principal(weight, rank=rank, scaling=scaling, generator=generator))
        if config.lengths:
            added.weigh()
        return added

    def groups(self, model: nn.Module) -> list[ParamGroup]:
        """Matrices decay; biases, norms of a head, lengths and vectors of tokens do not."""
        return low_rank_groups(
            model, rate_ratio=self.config.rate_ratio, embeddings_rate=self.config.embeddings_rate
        )

    def state(self, model: nn.Module) -> dict[str, Tensor]:
        """`<layer>.lora_A.weight` and the like, and a head's parameters by name."""
        return {name: tensor.detach() for name, tensor in tensors_of(model).items()}

    def restore(self, model: nn.Module, state: dict[str, Tensor]) -> None:
        """Put adapters and head back.

        Raises: RunError: names or shapes differ.
        """
        copy_strictly(tensors_of(model), state)

    def peft(self, bundle: Bundle) -> Peft:
        """PEFT's LORA, with the head among its modules saved whole."""
        config = peft_config(bundle.model, is_stabilised=self.config.rank_stabilised)
        return Peft(config, to_peft(peft_tensors(bundle.model)))

    def take_peft(self, bundle: Bundle, saved: Peft) -> None:
        """Raises: RunError: another scaling, or other layers or shapes."""
        check_same(self.peft(bundle).config, saved.config)
        self.restore(bundle.model, from_peft_tensors(bundle.model, from_peft(saved.tensors)))

    def base(self, model: nn.Module) -> AbstractContextManager[nn.Module]:
        """Within it adapters are off, and what is trained whole is what it started as."""
        return untuned(model, self._first_whole)

    def merge(self, model: nn.Module) -> nn.Module:
        """The same model, changed in place: every adapter added to its layer's weight."""
        return merge_all(model)
