"""How a model's hidden states become one vector for a text, as sentence-transformers writes it.

A folder of that library holds `modules.json`: a transformer, a pooling, and then layers and
normalisations in order. Its licence: Apache-2.0; the layout is that of version 6.2, and older ones.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional

from luthier.core import files
from luthier.core.errors import ModelError
from luthier.ops.pooling import How, pooled
from luthier.ops.similarity import unit

MODULES = "modules.json"
CLASSIFIER = "Classifier"
"""End of the name of the folder that holds a layer which scores classes: it gives no vector."""
_PACKAGE = "sentence_transformers.models"
_NAMES: Mapping[str, How] = {"mean": "mean", "cls": "first", "lasttoken": "last", "max": "max"}
_OLD_NAMES = {
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_cls_token": "cls",
    "pooling_mode_lasttoken": "lasttoken",
    "pooling_mode_max_tokens": "max",
}
_ACTIVATIONS = {"identity": torch.nn.Identity, "tanh": torch.nn.Tanh}


@dataclass(frozen=True, slots=True, eq=False)
class Dense:
    """A layer behind the pooling. Shapes: weight (C, D), bias (C,) or None, float32."""

    weight: Tensor
    bias: Tensor | None
    activation: str = "identity"

    def __call__(self, vectors_BD: Tensor) -> Tensor:
        """Vectors (B, C)."""
        device = vectors_BD.device
        bias = None if self.bias is None else self.bias.to(device)
        found = functional.linear(vectors_BD, self.weight.to(device), bias)
        return _ACTIVATIONS[self.activation]()(found)


@dataclass(frozen=True, slots=True)
class Vectors:
    """The way from the tokens of a text to its vector, and perhaps on to classes."""

    pooling: How = "mean"
    then: tuple[Dense | None, ...] = ()
    """What follows, in order; None: the vector is brought to length 1."""
    head: Dense | None = None
    """Scores classes from the vector."""
    num_kept: int | None = None
    """Only so many numbers of the vector, the first; None: all."""

    def __call__(self, hidden_MD: Tensor, lengths: tuple[int, ...]) -> Tensor:
        """Vectors (B, D), float32, from the hidden states that the pooling looks at."""
        found_BD = pooled(hidden_MD, lengths, self.pooling)
        for step in self.then:
            found_BD = unit(found_BD) if step is None else step(found_BD)
        return found_BD[:, : self.num_kept]


def read(folder: Path, *, writes: bool) -> Vectors:
    """What `modules.json` says; without one, the last token of a model that writes, else the mean.

    Raises: ModelError: something stands there that cannot be done here.
    """
    if not (folder / MODULES).is_file():
        return Vectors("last" if writes else "mean")
    found = Vectors()
    for entry in _list(folder / MODULES):
        name = str(entry.get("type", "")).rpartition(".")[2]
        path = folder / str(entry.get("path", ""))
        if name == "Transformer":
            continue
        if name == "Pooling":
            found = Vectors(_pooling(path / "config.json"))
        elif name == "Normalize":
            found = Vectors(found.pooling, (*found.then, None))
        elif name == "Dense" and path.name.endswith(CLASSIFIER):
            found = Vectors(found.pooling, found.then, _dense(path))
        elif name == "Dense":
            found = Vectors(found.pooling, (*found.then, _dense(path)))
        else:
            raise ModelError(
                f"{folder / MODULES}: got a module '{name}', expected Transformer, Pooling, Dense "
                "and Normalize. Use another model, or open this one without the file"
            )
    return found


def _pooling(path: Path) -> How:
    config = _mapping(path)
    named = config.get("pooling_mode")
    if named is None:
        chosen = [key for key, value in config.items() if key.startswith("pooling_mode_") and value]
        named = [_OLD_NAMES.get(key, key) for key in chosen] or ["mean"]
    names = [named] if isinstance(named, str) else list(named)
    if len(names) != 1 or names[0] not in _NAMES:
        raise ModelError(
            f"{path}: got pooling {', '.join(map(str, names))}, expected one of "
            f"{', '.join(_NAMES)}. Use another model"
        )
    return _NAMES[names[0]]


def _dense(folder: Path) -> Dense:
    config = _mapping(folder / "config.json")
    activation = str(config.get("activation_function", "Identity")).rpartition(".")[2].lower()
    if activation not in _ACTIVATIONS:
        raise ModelError(
            f"{folder / 'config.json'}: got activation '{activation}', expected one of "
            f"{', '.join(_ACTIVATIONS)}. Use another model"
        )
    try:
        tensors = load_file(folder / "model.safetensors")
        bias = tensors["linear.bias"].float() if config.get("bias", True) else None
        return Dense(tensors["linear.weight"].float(), bias, activation)
    except (OSError, SafetensorError, KeyError) as error:
        raise ModelError(
            f"{folder}: the layer cannot be read ({error}); expected model.safetensors with "
            "linear.weight and linear.bias. Fetch or copy the model again"
        ) from None


def _list(path: Path) -> list[dict[str, Any]]:
    found = _json(path)
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise ModelError(f"{path}: expected a list of modules. Fetch or copy the file again")
    return found


def _mapping(path: Path) -> dict[str, Any]:
    found = _json(path)
    if not isinstance(found, dict):
        raise ModelError(f"{path}: expected keys with values. Fetch or copy the file again")
    return found


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{path}: cannot be read ({error}). Fetch or copy it again") from None


# --- writing --------------------------------------------------------------------------------


def write(vectors: Vectors, folder: Path, *, width: int, max_length: int) -> None:
    """Put the settings beside a model, so that sentence-transformers opens the folder.

    Args: width: of the hidden states. max_length: tokens of a text that are read.
    """
    name = next(name for name, how in _NAMES.items() if how == vectors.pooling)
    parts = [("", "Transformer"), ("1_Pooling", "Pooling")]
    old = {key: value == name for key, value in _OLD_NAMES.items()}
    files.write_json(folder / "1_Pooling/config.json", {"word_embedding_dimension": width, **old})
    for step in (*vectors.then, *([vectors.head] if vectors.head else [])):
        place = len(parts)
        if step is None:
            parts.append((f"{place}_Normalize", "Normalize"))
            continue
        path = f"{place}_{CLASSIFIER if step is vectors.head else 'Dense'}"
        _write_dense(step, folder / path)
        parts.append((path, "Dense"))
    modules = [
        {"idx": place, "name": str(place), "path": path, "type": f"{_PACKAGE}.{kind}"}
        for place, (path, kind) in enumerate(parts)
    ]
    files.write_json(folder / MODULES, modules)
    files.write_json(
        folder / "sentence_bert_config.json",
        {"max_seq_length": max_length, "do_lower_case": False},
    )


def _write_dense(layer: Dense, folder: Path) -> None:
    out_features, in_features = layer.weight.shape
    activation = _ACTIVATIONS[layer.activation]
    config = {
        "in_features": in_features,
        "out_features": out_features,
        "bias": layer.bias is not None,
        "activation_function": f"{activation.__module__}.{activation.__name__}",
    }
    files.write_json(folder / "config.json", config)
    tensors = {"linear.weight": layer.weight} | (
        {} if layer.bias is None else {"linear.bias": layer.bias}
    )
    plain = {key: value.detach().cpu().contiguous() for key, value in tensors.items()}
    save_file(plain, folder / "model.safetensors", metadata={"format": "pt"})
