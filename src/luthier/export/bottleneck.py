"""`bottleneck`: bottleneck adapters in the layout of the `adapters` library."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from luthier.core import files
from luthier.core.errors import RecipeError, RunError
from luthier.export import _manifest
from luthier.export._registry import exporters
from luthier.export.contract import Written
from luthier.models.bottleneck import NAME, Bottleneck, bottlenecks, install, sites
from luthier.models.bundle import Bundle
from luthier.tuners.contract import Tuner

CONFIG, WEIGHTS, HEAD = "adapter_config.json", "adapter.safetensors", "model_head.safetensors"
HEAD_CONFIG = "head_config.json"
MADE_FOR = "adapters.1.3.0"
_FORMS = {"output": (False, False), "sum": (True, False), "stream": (False, True)}
"""What a bottleneck reads: whether the sum is formed before it, and whether it is parallel."""
_ACTIVATIONS = {"silu": "swish"}
"""Other names that the library has for them."""


@exporters.add
class BottleneckFiles:
    """Bottleneck adapters (and a classifier's head) in float32, as `load_adapter` of the `adapters`
    library reads them, with the tokenizer."""

    needs_base: ClassVar[bool] = True

    def write(self, bundle: Bundle, tuner: Tuner, folder: Path, *, source_folder: Path) -> Written:
        """Write adapter_config.json, adapter.safetensors, and the head's two files if there is one.

        Raises: RecipeError: the tuner added no bottlenecks.
        """
        del source_folder  # written without its base
        if not bottlenecks(bundle.model):
            raise RecipeError(
                "export format 'bottleneck': this run has no bottleneck adapters; what its tuner "
                f"trained is saved as '{tuner.saved_as}'. Export it as {tuner.saved_as}."
            )
        state = {name: _plain(tensor) for name, tensor in tuner.state(bundle.model).items()}
        head = {name: tensor for name, tensor in state.items() if f".{NAME}." not in name}
        own = {name: tensor for name, tensor in state.items() if name not in head}
        save_file(own, folder / WEIGHTS, metadata={"format": "pt"})
        common = _common(bundle)
        files.write_json(folder / CONFIG, {**common, "name": NAME, "config": _config(bundle)})
        if head:
            save_file(head, folder / HEAD, metadata={"format": "pt"})
            labels = {label: index for index, label in enumerate(bundle.labels)}
            told = {"name": None, "config": None, "num_labels": len(labels), "label2id": labels}
            files.write_json(folder / HEAD_CONFIG, {**common, **told})
        bundle.codec.save(folder)
        count = sum(tensor.numel() for tensor in state.values())
        facts: dict[str, str | int | float] = {"parameters": count, "dtype": "float32"}
        return Written(is_rounded=False, needs_base=True, facts=facts)

    def load(self, folder: Path, bundle: Bundle, tuner: Tuner) -> None:
        """Put them back into `bundle`, to which `tuner` was attached.

        Raises: RunError: the folder is damaged, or was trained with other settings.
        """
        _manifest.verify(folder)
        saved, ours = files.read_json(folder / CONFIG)["config"], _config(bundle)
        first = next(iter(bottlenecks(bundle.model).values()))
        if saved.get("reduction_factor") == first.width / first.size:  # as it was written once
            ours["reduction_factor"] = first.width / first.size
        other = [f"{key}: got {saved.get(key)}, expected {ours[key]}" for key in ours]
        wrong = [text for text, key in zip(other, ours, strict=True) if saved.get(key) != ours[key]]
        if wrong:
            raise RunError(f"{folder / CONFIG} does not fit tuner.*: {'; '.join(wrong)}")
        tuner.restore(bundle.model, stored_tensors(folder))


def stored_tensors(folder: Path) -> dict[str, Tensor]:
    """Adapters and head by the names in the model."""
    head = folder / HEAD
    return {**load_file(folder / WEIGHTS), **(load_file(head) if head.is_file() else {})}


@torch.no_grad()
def add_bottlenecks(model: Any, folder: Path) -> None:
    """Put stored adapters and head into a plain transformers model, by the published formula."""
    config = files.read_json(folder / CONFIG)["config"]
    form = (config["original_ln_before"], config["is_parallel"])
    (reads,) = [name for name, known in _FORMS.items() if known == form]
    tensors = stored_tensors(folder)
    both = frozenset(("attention", "feedforward") if config["mh_adapter"] else ("feedforward",))
    for site in sites(model, both):
        down = tensors[f"{site.holder}.adapters.{NAME}.adapter_down.0.weight"]
        part = Bottleneck(
            down.shape[1],
            down.shape[0],
            reads=reads,  # type: ignore[arg-type]
            activation=config["non_linearity"],
            scaling=config["scaling"],
        )
        install(model, site, part)
    for name, tensor in tensors.items():
        model.get_parameter(name).data = tensor


def _config(bundle: Bundle) -> dict[str, Any]:
    """What the library asks of a bottleneck's form."""
    parts = bottlenecks(bundle.model)
    first = next(iter(parts.values()))
    sums, is_parallel = _FORMS[first.reads]
    holders = {site.holder: site.sublayer for site in sites(bundle.model, _BOTH)}
    places = {holders[name.removesuffix(f".adapters.{NAME}")] for name in parts}
    return {
        "mh_adapter": "attention" in places,
        "output_adapter": "feedforward" in places,
        "reduction_factor": factor_of(first.width, first.size),
        "non_linearity": _ACTIVATIONS.get(first.activation, first.activation),
        "original_ln_before": sums,
        "original_ln_after": True,
        "residual_before_ln": True,
        "is_parallel": is_parallel,
        "scaling": first.scaling,
        "init_weights": "mam_adapter",
    }


def factor_of(width: int, size: int) -> float:
    """A factor of which the library makes this size: int(width // factor).

    The quotient itself where it does; often it is rounded up, and its bottleneck one too narrow.
    """
    quotient = width / size
    return quotient if int(width // quotient) == size else width / (size + 0.5)


_BOTH = frozenset(("attention", "feedforward"))


def _common(bundle: Bundle) -> dict[str, Any]:
    config: Any = bundle.model.config
    return {
        "hidden_size": bundle.facts.hidden_size,
        "model_class": type(bundle.model).__name__,
        "model_name": bundle.source.reference,
        "model_type": config.model_type,
        "version": MADE_FOR,
    }


def _plain(tensor: Tensor) -> Tensor:
    return tensor.detach().to("cpu", torch.float32).contiguous().clone()
