"""QLoRA: low-rank adapters over a base whose matrices are stored in 4 or 8 bits."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any, ClassVar

import torch
from pydantic import Field, field_validator
from torch import Tensor, nn

from luthier.core import seeds
from luthier.core.errors import RecipeError
from luthier.models.bundle import Bundle, Codec, Facts, Kind, Outline
from luthier.models.linear import Linear, TurnedLinear
from luthier.models.quantised import (
    Bits,
    QuantisedLinear,
    dequantise,
    quantise,
    quantised_layers,
    require,
)
from luthier.tuners import lora, tuners
from luthier.tuners._low_rank import adapters
from luthier.tuners._principal import principal
from luthier.tuners._resolving import resolved
from luthier.tuners._targets import linear_layers
from luthier.tuners.contract import ParamGroup, Peft


class Config(lora.Config):
    """Low-rank adapters over a base in few bits; what LoRA takes, and how the base is stored."""

    bits: Bits = Field(4)
    """4: NF4, scales quantised too, by bitsandbytes (0.26 of the bytes of bfloat16); 8: int8, row
    by row (0.50), nearer to the base."""
    loftq: bool = False
    """Start the term at the largest part of what rounding takes from a weight, not at zero."""

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
    Source: Dettmers et al. 2023, arXiv:2305.14314. LoftQ: Li et al. 2023, arXiv:2310.08659, one
    step of algorithm 1, so that the base stays what everybody's rounding makes of it.
    """

    Config = Config
    keeps_base: ClassVar[bool] = True
    moves_base: ClassVar[bool] = False
    merges: ClassVar[bool] = True
    saved_as: ClassVar[str] = "adapter"

    def __init__(self, config: Config) -> None:
        self.config = config
        self._lora: Any = lora.Lora(config)

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
        lost = self._lost(adapted, seed=seed) if self.config.loftq else {}
        names = list(linear_layers(bundle))
        before = sum(model.get_parameter(f"{name}.weight").nbytes for name in names)
        quantise(model, names, bits=self.config.bits)
        bundle = self._lora.apply(bundle, seed=seed)
        layers = dict(adapters(model))
        with torch.no_grad():
            for name, (A_RI, B_OR) in lost.items():
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

    def _lost(
        self, adapted: Mapping[str, Linear], *, seed: int
    ) -> dict[str, tuple[Tensor, Tensor]]:
        """By layer, the A and B nearest to what rounding its weight takes away."""
        found: dict[str, tuple[Tensor, Tensor]] = {}
        for name, layer in adapted.items():
            assert isinstance(layer, nn.Linear)  # nothing is rounded yet
            generator = torch.Generator().manual_seed(seeds.derive(seed, "loftq", name))
            rounded = QuantisedLinear(layer, bits=self.config.bits).weight
            found[name] = principal(
                layer.weight.float() - rounded.float(),
                rank=self.config.rank_of(name),
                scaling=self.config.scaling_of(name),
                generator=generator,
            )
        return found

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
