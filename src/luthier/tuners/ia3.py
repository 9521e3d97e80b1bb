"""IA3: trained scales of keys, values and what the feed-forward layer reads; the base is frozen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, ClassVar, cast

from pydantic import model_validator
from torch import Tensor, nn

from luthier.core.config import Auto, ComponentConfig
from luthier.core.errors import RecipeError
from luthier.models.bundle import Bundle, Facts, Kind, Outline
from luthier.models.scaled import Layer, ScaledLinear
from luthier.tuners import tuners
from luthier.tuners._groups import decay_groups
from luthier.tuners._parts import freeze_trunk, head, trained, untuned
from luthier.tuners._peft import PREFIX, saved_whole, target_modules
from luthier.tuners._restore import copy_strictly
from luthier.tuners._targets import below_head, means, named, replace
from luthier.tuners.contract import ParamGroup, Peft

_LLAMA = (("k_proj", "v_proj", "down_proj"), ("down_proj",))
_QUERY_VALUE = (("q_proj", "v_proj", "down_proj"), ("down_proj",))
_BERT = (("key", "value", "output.dense"), ("output.dense",))
_FUSED = (("query_key_value", "dense_4h_to_h"), ("dense_4h_to_h",))
KNOWN: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "bert": _BERT,
    "roberta": _BERT,
    "xlm-roberta": _BERT,
    "camembert": _BERT,
    "electra": _BERT,
    "deberta-v2": (("key_proj", "value_proj", "output.dense"), ("output.dense",)),
    "distilbert": (("k_lin", "v_lin", "lin2"), ("lin2",)),
    "falcon": _FUSED,
    "gemma": _QUERY_VALUE,
    "gemma2": _QUERY_VALUE,
    "gemma3_text": _QUERY_VALUE,
    "gpt2": (("c_attn", "mlp.c_proj"), ("mlp.c_proj",)),
    "gpt_neox": _FUSED,
    "llama": _LLAMA,
    "mistral": _LLAMA,
    "opt": (("q_proj", "k_proj", "fc2"), ("fc2",)),
    "phi": (("q_proj", "v_proj", "fc2"), ("fc2",)),
    "qwen2": _QUERY_VALUE,
    "qwen3": _QUERY_VALUE,
}
"""Model type: layers scaled, and those of them whose inputs are; PEFT's table where it has one."""


class Config(ComponentConfig):
    """Learned scales."""

    target: list[str] | Auto = "auto"
    """Layers scaled, never those of a head: names, last parts of names, or globs; auto: as PEFT
    has it for the model."""
    feedforward: list[str] | Auto = "auto"
    """Those of them whose inputs are scaled instead of their outputs; auto: as PEFT has it."""

    @model_validator(mode="after")
    def _fits(self) -> Config:
        if (self.target == "auto") != (self.feedforward == "auto"):
            raise ValueError("give both target and feedforward (which may be []), or neither")
        unknown = [name for name in self.feedforward if name not in self.target]
        if unknown and self.target != "auto":
            raise ValueError(f"feedforward names {', '.join(unknown)}, which target does not")
        return self


@tuners.add
class Ia3:
    """Trains one scale per output (or input) of every chosen layer, in float32; merges exactly.

    For a decoder like LLaMA that is layers * (2 * width of keys + feed-forward width), about a
    fortieth of LoRA's. A fresh one leaves the outputs as they are. A classifier's head is trained
    whole and saved beside the scales.
    Source: Liu et al. 2022, arXiv:2205.05638; which layers, names and layout as in PEFT.
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
    def usual_rate(cls, facts: Facts, kind: Kind) -> tuple[float, str]:
        """Far above that of weights: a scale acts alone."""
        del facts, kind
        return 1e-2, "usual for learned scales"

    def apply(self, bundle: Bundle, *, seed: int) -> Bundle:
        """The same bundle with scales in place, only they (and a classifier's head) trained.

        Raises: RecipeError: no table for the model type, or a name that means no layer.
        """
        del seed  # nothing is drawn
        model: Any = bundle.model
        chosen = self.check(bundle)
        _, feedforward = self._names(model.config.model_type)
        self._first_head = freeze_trunk(bundle)
        for name, layer in chosen.items():
            scales_inputs = any(means(pattern, name) for pattern in feedforward)
            replace(model, name, ScaledLinear(layer, scales_inputs=scales_inputs))
        return bundle

    def check(self, outline: Outline) -> dict[str, Layer]:
        """The layers that will be scaled, by name.

        Raises: RecipeError: no table for the model type, or a name that means no layer.
        """
        model: Any = outline.model
        target, _ = self._names(model.config.model_type)
        layers = {
            name: cast(Layer, part)
            for name, part in below_head(outline).items()
            if _is_linear(part)
        }
        if not target:
            raise RecipeError("recipe tuner.target: got [], expected names of layers to scale")
        return named(layers, target)

    def groups(self, model: nn.Module) -> list[ParamGroup]:
        """Scales have one axis and do not decay."""
        return decay_groups(model.parameters())

    def state(self, model: nn.Module) -> dict[str, Tensor]:
        """Every scale and the head's parameters, by name."""
        return trained(model)

    def restore(self, model: nn.Module, state: dict[str, Tensor]) -> None:
        """Put them back.

        Raises: RunError: names or shapes differ.
        """
        copy_strictly(trained(model), state)

    def peft(self, bundle: Bundle) -> Peft:
        """PEFT's IA3: `ia3_l` of every layer, a column for outputs and a row for inputs."""
        layers = _scaled(bundle.model)
        inputs = [name for name, layer in layers.items() if layer.scales_inputs]
        config: dict[str, Any] = {
            "peft_type": "IA3",
            "target_modules": target_modules(bundle.model, layers),
            "feedforward_modules": target_modules(bundle.model, inputs),
            "modules_to_save": saved_whole(bundle.model, head(bundle.model)) or None,
            "fan_in_fan_out": any(not isinstance(x.base, nn.Linear) for x in layers.values()),
            "init_ia3_weights": True,
        }
        tensors = {f"{PREFIX}{name}.ia3_l": _laid(layer) for name, layer in layers.items()}
        whole = {PREFIX + name: part.detach() for name, part in head(bundle.model).items()}
        return Peft(config, {**tensors, **whole})

    def take_peft(self, bundle: Bundle, saved: Peft) -> None:
        """Raises: RunError: other layers, or their inputs scaled where here it is outputs."""
        targets: dict[str, Tensor] = {}
        for name, layer in _scaled(bundle.model).items():
            targets[f"{PREFIX}{name}.ia3_l"] = _laid(layer)
        for name, parameter in head(bundle.model).items():
            targets[PREFIX + name] = parameter.detach()
        copy_strictly(targets, saved.tensors)

    def base(self, model: nn.Module) -> AbstractContextManager[nn.Module]:
        """Within it nothing is scaled and a classifier has the head it started with."""
        return untuned(model, self._first_head)

    def merge(self, model: nn.Module) -> nn.Module:
        """The same model, changed in place: every scale multiplied into its layer."""
        for name, layer in _scaled(model).items():
            replace(model, name, layer.merged())
        return model

    def _names(self, model_type: str) -> tuple[Sequence[str], Sequence[str]]:
        if self.config.target != "auto" and self.config.feedforward != "auto":
            return self.config.target, self.config.feedforward
        if model_type in KNOWN:
            return KNOWN[model_type]
        raise RecipeError(
            f"tuner 'ia3': which layers of model type '{model_type}' to scale is known for "
            f"{', '.join(sorted(KNOWN))} only. Name them: tuner.target, the layers of keys and "
            "values and the last of the feed-forward; tuner.feedforward, the latter again."
        )


def _is_linear(part: nn.Module) -> bool:
    return isinstance(part, Layer)


def _scaled(model: nn.Module) -> dict[str, ScaledLinear]:
    return {name: part for name, part in model.named_modules() if isinstance(part, ScaledLinear)}


def _laid(layer: ScaledLinear) -> Tensor:
    """The scale as PEFT keeps it, a view: (1, inputs), or (outputs, 1)."""
    scale = layer.scale.detach()
    return scale[None, :] if layer.scales_inputs else scale[:, None]
