"""QLoRA: low-rank adapters over a base whose matrices are stored in 4 or 8 bits."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field, field_validator
from torch import Tensor, nn

from luthier.core import seeds
from luthier.core.config import Auto
from luthier.core.errors import RecipeError
from luthier.models.bundle import Bundle, Codec, Facts, Kind, Outline
from luthier.models.linear import Linear, TurnedLinear
from luthier.models.quantised import (
    Bits,
    dequantise,
    quantise,
    quantised_layers,
    require,
)
from luthier.tuners import lora, tuners
from luthier.tuners._low_rank import adapters
from luthier.tuners._recovered import nearest, portions, root_of
from luthier.tuners._resolving import resolved
from luthier.tuners._targets import linear_layers
from luthier.tuners.contract import Measure, ParamGroup, Peft, Tell

_PORTION = 2**30
"""Bytes of moments that are held at a time; the rows are run once for each portion."""
_SMALL = 1_000_000_000
"""Up to so many parameters the start is measured by default: rounding takes more of a small model
(docs/results.md), and looking at a large one takes long."""


class Config(lora.Config):
    """Low-rank adapters over a base in few bits; what LoRA takes, and how the base is stored."""

    bits: Bits = Field(4)
    """4: NF4, scales quantised too, by bitsandbytes (0.26 of the bytes of bfloat16); 8: int8, row
    by row (0.50), nearer to the base."""
    recover: Literal["nothing", "loftq", "qera"] | Auto = "auto"
    """How much of what rounding takes from a weight the term begins with. loftq: its largest part;
    qera: the part that changes outputs most, measured on 16 training rows; nothing: zero; auto:
    qera over 4 bits of a model of up to a billion parameters."""

    @field_validator("start")
    @classmethod
    def _needs_exact_weights(cls, value: str) -> str:
        if value == "pissa":
            raise ValueError("expected zero: the principal part of rounded weights is not theirs")
        return value


@tuners.add
class Qlora:
    """Trains rank * (inputs + outputs) parameters per adapted layer, in float32, as LoRA does.

    Every linear layer but a head is stored in `bits` when the model is opened, one after another,
    and formed again where it is multiplied. `base()` is that base, near the one in the files. The
    adapter is made for it: PEFT opens it over a base loaded with BitsAndBytesConfig (nf4, double
    quantisation). Merging gives that base, in the type of the products, plus the adapter.
    Source: Dettmers et al. 2023, arXiv:2305.14314. The base stays what everybody's rounding makes
    of it, wherever the term begins (tuners/_recovered.py).
    """

    Config = Config
    keeps_base: ClassVar[bool] = True
    moves_base: ClassVar[bool] = False
    merges: ClassVar[bool] = True
    saved_as: ClassVar[str] = "adapter"

    def __init__(self, config: Config) -> None:
        self.config = config
        self._lora: Any = lora.Lora(config)
        self._begun: dict[str, tuple[Tensor, Tensor]] = {}

    @classmethod
    def resolve(cls, config: Config) -> dict[str, tuple[object, str]]:
        """alpha from the rank."""
        return resolved(lora.Lora, config)

    @classmethod
    def usual_rate(cls, facts: Facts, kind: Kind) -> tuple[float, str]:
        """LoRA's."""
        rate, why = lora.Lora.usual_rate(facts, kind)
        return rate, why

    def apply(self, bundle: Bundle, *, seed: int) -> Bundle:
        """The same bundle over a base in few bits, adapters in place, only they (and a head)
        trained.

        Raises: RecipeError: as LoRA. MissingExtra: 4 bits without bitsandbytes.
        """
        adapted = self.check(bundle)
        model = bundle.model
        if self.config.recover == "loftq":
            for name in adapted:
                self._begin(name, adapted, seed=seed)
        begun, self._begun = self._begun, {}
        names = list(linear_layers(bundle))
        before = sum(model.get_parameter(f"{name}.weight").nbytes for name in names)
        quantise(model, names, bits=self.config.bits)
        bundle = self._lora.apply(bundle, seed=seed)
        layers = dict(adapters(model))
        with torch.no_grad():
            for name, (A_RI, B_OR) in begun.items():
                layers[name].lora_A.copy_(A_RI)
                layers[name].lora_B.copy_(B_OR)
                if self.config.lengths:  # those of the sum, as DoRA begins
                    layers[name].weigh()
        after = sum(layer.stored_bytes for layer in quantised_layers(model).values())
        bundle.facts = replace(
            bundle.facts, weight_bytes=bundle.facts.weight_bytes - before + after
        )
        bundle.notes.append(
            f"base in {self.config.bits} bits: {len(names)} matrices take {after / 1e6:,.1f} MB, "
            f"{after / before:.3f} of {before / 1e6:,.1f} MB; with embeddings and norms "
            f"{bundle.facts.weight_bytes / 1e6:,.1f} MB"
        )
        return bundle

    def check(self, outline: Outline) -> dict[str, Linear]:
        """The layers that will be adapted.

        Raises: RecipeError: as LoRA, or layers that lie the other way round.
        MissingExtra: 4 bits without bitsandbytes.
        """
        require(self.config.bits)
        if any(isinstance(layer, TurnedLinear) for layer in linear_layers(outline).values()):
            raise RecipeError(
                "recipe tuner.name: 'qlora' stores layers of the kind torch.nn.Linear, and this "
                "model has Conv1D (as GPT-2 does). Use tuner=lora."
            )
        return self._lora.check(outline)

    def start(self, facts: Facts, *, hindrance: str) -> dict[str, tuple[Any, str]]:
        """QERA's for a small model in 4 bits."""
        if self.config.recover != "auto":
            return {}
        if self.config.bits != 4:
            return {"recover": ("nothing", "8 bits take little")}
        if facts.num_parameters > _SMALL:
            return {"recover": ("nothing", f"over {_SMALL / 1e9:.0f} billion parameters")}
        if hindrance:
            return {"recover": ("nothing", f"no row can be run before {hindrance}")}
        return {"recover": ("qera", f"rounding takes much of {facts.num_parameters / 1e6:.0f} M")}

    def calibrated_by(self) -> str:
        """QERA's start."""
        return "recover=qera" if self.config.recover == "qera" else ""

    def calibrate(self, bundle: Bundle, measure: Measure, *, seed: int, tell: Tell) -> None:
        """Find where the terms begin; `apply` puts them there."""
        adapted = self.check(bundle)
        done = 0
        for names in portions(adapted, max_bytes=_PORTION):
            for name, moments_II in measure(names).items():
                root_II = root_of(moments_II)
                if root_II is not None:
                    self._begin(name, adapted, seed=seed, root_II=root_II)
                done += 1
                tell(done, len(adapted))

    def _begin(
        self,
        name: str,
        adapted: Mapping[str, Linear],
        *,
        seed: int,
        root_II: Tensor | None = None,
    ) -> None:
        """Keep the A and B of a layer for `apply`."""
        found = nearest(
            adapted[name],
            bits=self.config.bits,
            rank=self.config.rank_of(name),
            scaling=self.config.scaling_of(name),
            generator=torch.Generator().manual_seed(seeds.derive(seed, "recovered", name)),
            root_II=root_II,
        )
        if found is not None:
            self._begun[name] = found

    def extend(self, codec: Codec) -> None:
        """Add the tokens that are to be trained and are not there."""
        self._lora.extend(codec)

    def widen(self, bundle: Bundle) -> None:
        """Give these tokens vectors."""
        self._lora.widen(bundle)

    def parts(self, outline: Outline) -> dict[str, list[str]]:
        """As LoRA's; they are measured before the base is rounded."""
        return self._lora.parts(outline)

    def choose(self, relevance: Mapping[str, float]) -> dict[str, tuple[Any, str]]:
        """The best of the layers."""
        return self._lora.choose(relevance)

    def groups(self, model: nn.Module) -> list[ParamGroup]:
        """The adapters and a trained head."""
        return self._lora.groups(model)

    def state(self, model: nn.Module) -> dict[str, Tensor]:
        """The adapters and a head's parameters; the base is made anew from its files."""
        return self._lora.state(model)

    def restore(self, model: nn.Module, state: dict[str, Tensor]) -> None:
        """Put adapters and head back.

        Raises: RunError: names or shapes differ.
        """
        self._lora.restore(model, state)

    def peft(self, bundle: Bundle) -> Peft:
        """PEFT's LORA; the file does not say how the base is stored, PEFT leaves that to whoever
        opens it."""
        return self._lora.peft(bundle)

    def take_peft(self, bundle: Bundle, saved: Peft) -> None:
        """Raises: RunError: another scaling, or other layers or shapes."""
        self._lora.take_peft(bundle, saved)

    def base(self, model: nn.Module) -> AbstractContextManager[nn.Module]:
        """Within it adapters are off: the base in few bits."""
        return self._lora.base(model)

    def merge(self, model: nn.Module) -> nn.Module:
        """The same model, changed in place into ordinary layers with the adapters added."""
        return dequantise(self._lora.merge(model))
