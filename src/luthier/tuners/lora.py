"""LoRA: a trained low-rank term beside every chosen linear layer; the base stays frozen."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

import torch
from pydantic import Field, field_validator
from torch import Tensor, nn

from luthier.core import seeds
from luthier.core.config import Auto, ComponentConfig
from luthier.core.errors import RecipeError, RunError
from luthier.models.bundle import Bundle, Facts, Kind
from luthier.models.low_rank import LowRankLinear
from luthier.tuners import tuners
from luthier.tuners._groups import decay_groups
from luthier.tuners._peft import from_peft, saved_whole, target_modules, to_peft
from luthier.tuners._restore import copy_strictly
from luthier.tuners._targets import head_modules, linear_layers, matching, replace
from luthier.tuners.contract import ParamGroup, Peft


class Config(ComponentConfig):
    """Low-rank adapters."""

    rank: int = Field(16, ge=1)
    """Rank of the added term; usual 4 to 64."""
    alpha: float | Auto = "auto"
    """The term is scaled by alpha / rank; auto: twice the rank."""
    dropout: float = Field(0.0, ge=0, lt=1)
    """Share of the term's inputs dropped in training."""
    target: str | list[str] = "all_linear"
    """Layers adapted: all_linear (never the language-model head), or names or globs of them."""

    @field_validator("alpha")
    @classmethod
    def _positive(cls, value: float | str) -> float | str:
        if isinstance(value, float | int) and value <= 0:
            raise ValueError("expected a number above 0, or auto")
        return value

    @property
    def scaling(self) -> float:
        """alpha / rank."""
        return 2.0 if self.alpha == "auto" else float(self.alpha) / self.rank


MOST_RATE = 1e-3
"""No higher one was tried."""


@tuners.add
class Lora:
    """Trains rank * (inputs + outputs) parameters per adapted layer, in float32; merges exactly.

    A classifier's head (and pooler) is trained whole and saved beside the adapter. A fresh adapter
    leaves the outputs as they are.
    Source: Hu et al. 2021, arXiv:2106.09685; initialisation and names as in PEFT.
    """

    Config = Config
    keeps_base: ClassVar[bool] = True
    moves_base: ClassVar[bool] = False
    merges: ClassVar[bool] = True
    saved_as: ClassVar[str] = "adapter"

    def __init__(self, config: Config) -> None:
        self.config = config
        self._first_head: dict[str, Tensor] = {}

    @classmethod
    def resolve(cls, config: Config) -> dict[str, tuple[object, str]]:
        """alpha from the rank."""
        if config.alpha != "auto":
            return {}
        return {"alpha": (2.0 * config.rank, "twice the rank")}

    @classmethod
    def usual_rate(cls, facts: Facts, kind: Kind) -> tuple[float, str]:
        """2e-4 at a width of 4096, more for narrower models; for classes, with a fresh head, 5e-4.

        The power is that of Schulman et al., 2025, "LoRA Without Regret", for Llama, rounded.
        SmolLM2-135M (576 wide) on the demo's rows, two epochs, JSON fields right: 2e-4 35.9 %,
        5e-4 54.1 %, 1e-3 60.0 %; on 500 rows of Alpaca 1e-3 had the lower test loss too.
        """
        if kind != "causal_lm":
            return 5e-4, "usual for lora"
        rate = min(MOST_RATE, 2e-4 * (4096 / facts.hidden_size) ** 0.75)
        return float(f"{rate:.0e}"), f"usual for lora on a width of {facts.hidden_size}"

    def apply(self, bundle: Bundle, *, seed: int) -> Bundle:
        """The same bundle with adapters in place, only they (and a classifier's head) trained.

        Raises: RecipeError: nothing matches `target`, or the rank exceeds a layer's size.
        """
        model = bundle.model
        heads = head_modules(model) if bundle.kind == "sequence_classifier" else []
        layers = matching(linear_layers(model, but_not=heads), self.config.target)
        _check_rank(self.config.rank, layers)
        model.requires_grad_(False)
        for name, layer in layers.items():
            added = LowRankLinear(
                layer,
                rank=self.config.rank,
                scaling=self.config.scaling,
                dropout=self.config.dropout,
            )
            added.reset(torch.Generator().manual_seed(seeds.derive(seed, "lora", name)))
            added.train(layer.training)
            replace(model, name, added)
        for head in heads:
            model.get_submodule(head).requires_grad_(True)
        self._first_head = {name: p.detach().clone() for name, p in _head(model).items()}
        return bundle

    def groups(self, model: nn.Module) -> list[ParamGroup]:
        """The adapters and a trained head; biases and norms of the head do not decay."""
        return decay_groups(model.parameters())

    def state(self, model: nn.Module) -> dict[str, Tensor]:
        """`<layer>.lora_A.weight`, `<layer>.lora_B.weight`, and the head's parameters by name."""
        return {name: tensor.detach() for name, tensor in _trained(model).items()}

    def restore(self, model: nn.Module, state: dict[str, Tensor]) -> None:
        """Put adapters and head back.

        Raises: RunError: names or shapes differ.
        """
        copy_strictly(_trained(model), state)

    def peft(self, bundle: Bundle) -> Peft:
        """PEFT's LORA, with the head among its modules saved whole."""
        layers = dict(_adapters(bundle.model))
        config: dict[str, Any] = {
            "peft_type": "LORA",
            "r": self.config.rank,
            "lora_alpha": _whole(self.config.scaling * self.config.rank),
            "lora_dropout": self.config.dropout,
            "target_modules": target_modules(bundle.model, layers.keys()),
            "modules_to_save": saved_whole(_head(bundle.model)) or None,
            "bias": "none",
            "fan_in_fan_out": False,
            "init_lora_weights": True,
            "use_dora": False,
            "use_rslora": False,
            "rank_pattern": {},
            "alpha_pattern": {},
        }
        return Peft(config, to_peft(self.state(bundle.model)))

    def take_peft(self, bundle: Bundle, saved: Peft) -> None:
        """Raises: RunError: another scaling, or other layers or shapes."""
        scaling = saved.config["lora_alpha"] / saved.config["r"]
        for name, layer in _adapters(bundle.model):
            if abs(layer.scaling - scaling) > 1e-6 * abs(scaling):
                raise RunError(
                    f"was trained with a scaling of {scaling:g}; tuner.alpha / tuner.rank "
                    f"gives {layer.scaling:g} at '{name}'"
                )
        self.restore(bundle.model, from_peft(saved.tensors))

    @contextmanager
    def base(self, model: nn.Module) -> Generator[nn.Module]:
        """Within it adapters are off and a classifier has the head it started with."""
        adapters = [layer for _, layer in _adapters(model)]
        before = [layer.enabled for layer in adapters]
        head = _head(model)
        trained = {name: parameter.detach().clone() for name, parameter in head.items()}
        try:
            _switch(adapters, [False] * len(adapters))
            copy_strictly(head, self._first_head)
            yield model
        finally:
            _switch(adapters, before)
            copy_strictly(head, trained)

    def merge(self, model: nn.Module) -> nn.Module:
        """The same model, changed in place: every adapter added to its layer's weight.

        The sum is taken in float32 and rounded once to the type of the weight.
        """
        for name, layer in list(_adapters(model)):
            with torch.no_grad():
                weight = layer.base.weight
                weight.copy_(weight.float() + layer.delta().to(weight.device))
            replace(model, name, layer.base)
        return model


def _check_rank(rank: int, layers: dict[str, nn.Linear]) -> None:
    for name, layer in layers.items():
        most = min(layer.in_features, layer.out_features)
        if rank > most:
            raise RecipeError(
                f"recipe tuner.rank: got {rank}, but layer '{name}' is {layer.out_features} x "
                f"{layer.in_features}. Use a rank of at most {most}, or choose other layers with "
                "tuner.target."
            )


def _adapters(model: nn.Module) -> Iterator[tuple[str, LowRankLinear]]:
    for name, module in model.named_modules():
        if isinstance(module, LowRankLinear):
            yield name, module


def _head(model: nn.Module) -> dict[str, Tensor]:
    """Trained parameters that belong to no adapter."""
    inside = {id(p) for _, layer in _adapters(model) for p in (layer.lora_A, layer.lora_B)}
    return {
        name: parameter
        for name, parameter in model.named_parameters()
        if parameter.requires_grad and id(parameter) not in inside
    }


def _trained(model: nn.Module) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    for name, layer in _adapters(model):
        found[f"{name}.lora_A.weight"] = layer.lora_A
        found[f"{name}.lora_B.weight"] = layer.lora_B
    return {**found, **_head(model)}


def _switch(adapters: Sequence[LowRankLinear], enabled: Sequence[bool]) -> None:
    for layer, is_enabled in zip(adapters, enabled, strict=True):
        layer.enabled = is_enabled


def _whole(value: float) -> int | float:
    return round(value) if abs(value - round(value)) < 1e-9 else value
