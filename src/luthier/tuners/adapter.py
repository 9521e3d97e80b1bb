"""Bottleneck adapters: small trained networks beside the sublayers of a frozen model."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import ClassVar, Literal, get_args

import torch
from pydantic import Field, field_validator
from torch import Tensor, nn

from luthier.core import seeds
from luthier.core.config import Auto, ComponentConfig
from luthier.core.errors import RecipeError
from luthier.models.bottleneck import Bottleneck, Reads, Site, Sublayer, install, sites
from luthier.models.bundle import Bundle, Facts, Kind, Outline
from luthier.tuners import tuners
from luthier.tuners._groups import decay_groups
from luthier.tuners._parts import freeze_trunk, trained, untuned
from luthier.tuners._restore import copy_strictly
from luthier.tuners.contract import ParamGroup

BOTH, LAST = (
    frozenset[Sublayer](("attention", "feedforward")),
    frozenset[Sublayer](("feedforward",)),
)


class Config(ComponentConfig):
    """Bottleneck adapters."""

    placement: Literal["houlsby", "pfeiffer"] = "pfeiffer"
    """After attention and after the feed-forward layer (houlsby), or after the latter only, reading
    what is normed there (pfeiffer)."""
    parallel: bool = False
    """Read what the sublayer reads instead of what it gives."""
    reduction_factor: float | Auto = "auto"
    """Width of the model over that of the bottleneck; auto: 16, or 2 in parallel."""
    activation: Literal["relu", "silu", "gelu", "tanh"] | Auto = "auto"
    """Between the two layers; auto: silu for houlsby, else relu."""
    scaling: float | Auto = Field("auto")
    """What is added is multiplied with it; auto: 1, or 4 in parallel."""

    @field_validator("scaling")
    @classmethod
    def _trains(cls, value: float | str) -> float | str:
        if value == 0:
            raise ValueError("expected another number than 0, with which nothing would be trained")
        return value


@tuners.add
class Adapter:
    """Trains 2 * width * size + width + size parameters per bottleneck, in float32; never merged.

    There is one per block (pfeiffer) or two (houlsby), of size = width / reduction_factor. A fresh
    one leaves the outputs as they are. A classifier's head is trained whole.
    Source: Houlsby et al. 2019, arXiv:1902.00751; Pfeiffer et al. 2020, arXiv:2005.00247; parallel:
    He et al. 2021, arXiv:2110.04366. Placement, residuals and norms as in the `adapters` library;
    of its starts the one that adds nothing (mam_adapter), for all forms.
    """

    Config = Config
    keeps_base: ClassVar[bool] = True
    moves_base: ClassVar[bool] = False
    merges: ClassVar[bool] = False
    kinds: ClassVar[frozenset[str]] = frozenset(get_args(Kind)) - {"image_classifier"}
    saved_as: ClassVar[str] = "bottleneck"

    def __init__(self, config: Config) -> None:
        self.config = config
        self._first_head: dict[str, Tensor] = {}

    @classmethod
    def resolve(cls, config: Config) -> dict[str, tuple[object, str]]:
        """What the forms of the literature use."""
        form = "parallel" if config.parallel else config.placement
        usual = {
            "reduction_factor": 2.0 if config.parallel else 16.0,
            "activation": "silu" if form == "houlsby" else "relu",
            "scaling": 4.0 if config.parallel else 1.0,
        }
        return {
            key: (value, f"usual for {form}")
            for key, value in usual.items()
            if getattr(config, key) == "auto"
        }

    @classmethod
    def usual_rate(cls, facts: Facts, kind: Kind) -> tuple[float, str]:
        """Above that of weights: what is added starts at nothing."""
        del facts, kind
        return 1e-3, "usual for bottleneck adapters"

    def apply(self, bundle: Bundle, *, seed: int) -> Bundle:
        """The same bundle with adapters in place, only they (and a classifier's head) trained.

        Raises: RecipeError: blocks that no placement is defined for, or too narrow a bottleneck.
        """
        found, model = self.check(bundle), bundle.model
        self._first_head = freeze_trunk(bundle)
        width, config = bundle.facts.hidden_size, self._settled()
        device = next(model.parameters()).device
        for site in found:
            part = Bottleneck(
                width,
                _size(width, float(config.reduction_factor)),
                reads=self._reads(),
                activation=str(config.activation),
                scaling=float(config.scaling),
            )
            part.reset(torch.Generator().manual_seed(seeds.derive(seed, "adapter", site.holder)))
            install(model, site, part.to(device))
        return bundle

    def check(self, outline: Outline) -> list[Site]:
        """Where adapters go.

        Raises: RecipeError: blocks that no placement is defined for, or too narrow a bottleneck.
        """
        model = outline.model
        found = sites(model, BOTH if self.config.placement == "houlsby" else LAST)
        if not found:
            raise RecipeError(
                f"tuner 'adapter': the blocks of {type(model).__name__} are not understood; known "
                "are those like BERT's (attention.output and output, each with dense, dropout and "
                "LayerNorm) and like LLaMA's (self_attn, mlp, input_layernorm, "
                "post_attention_layernorm). Use tuner 'lora'."
            )
        _size(outline.facts.hidden_size, float(self._settled().reduction_factor))
        return found

    def _settled(self) -> Config:
        """The settings with nothing left to choose."""
        chosen = {key: value for key, (value, _) in self.resolve(self.config).items()}
        return self.config.model_copy(update=chosen)

    def groups(self, model: nn.Module) -> list[ParamGroup]:
        """Matrices decay, biases do not."""
        return decay_groups(model.parameters())

    def state(self, model: nn.Module) -> dict[str, Tensor]:
        """Every adapter and the head's parameters, by name."""
        return trained(model)

    def restore(self, model: nn.Module, state: dict[str, Tensor]) -> None:
        """Put them back.

        Raises: RunError: names or shapes differ.
        """
        copy_strictly(trained(model), state)

    def base(self, model: nn.Module) -> AbstractContextManager[nn.Module]:
        """Within it adapters add nothing and a classifier has the head it started with."""
        return untuned(model, self._first_head)

    def merge(self, model: nn.Module) -> nn.Module:
        """Raises: RecipeError: always; no weight of the model stands for an adapter."""
        del model
        raise RecipeError("tuner 'adapter' does not merge. Export the run as format 'bottleneck'.")

    def _reads(self) -> Reads:
        if self.config.parallel:
            return "stream"
        return "output" if self.config.placement == "houlsby" else "sum"


def _size(width: int, factor: float) -> int:
    if 0 < factor <= width:
        return int(width // factor)
    raise RecipeError(
        f"recipe tuner.reduction_factor: got {factor:g}, but the model is {width} wide. "
        f"Use a number above 0 and at most {width}."
    )
