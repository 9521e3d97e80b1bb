"""Whether a folder holds a model that may be opened, said before anything slow begins."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from luthier.core.errors import ModelError
from luthier.models import weights

_COUNTS = (
    *("num_hidden_layers", "n_layer", "n_layers", "num_layers"),
    *("max_position_embeddings", "n_positions", "max_seq_len"),
)
_PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")


def check(folder: Path) -> None:
    """Nothing, when `folder` has a config, whole safetensors weights and a tokenizer.

    Raises: ModelError: saying what is missing, damaged or refused.
    """
    _check_counts(folder / "config.json", config(folder))
    for path in _settings_files(folder):
        _refuse_code(path, _mapping(path))
    found = weights.weight_files(folder)
    if not found:
        raise ModelError(_no_weights(folder))
    for path in found:
        weights.check_header(path)
    if not weights.has_tokenizer(folder) and not (folder / "preprocessor_config.json").is_file():
        raise ModelError(
            f"{folder}: no tokenizer (expected tokenizer.json, tokenizer.model or vocab.txt; of "
            "a model of pictures preprocessor_config.json). "
            "Save it there: tokenizer.save_pretrained(FOLDER)"
        )


def config(folder: Path) -> dict[str, Any]:
    """The parsed config.json of a model folder.

    Raises: ModelError: not a folder, not a model folder, or unreadable.
    """
    if not folder.is_dir():
        what = "a file" if folder.is_file() else "nothing"
        raise ModelError(
            f"model '{folder}': {what} is there; expected a folder with config.json and "
            "*.safetensors, or a .gguf file"
        )
    path = folder / "config.json"
    if not path.is_file():
        raise ModelError(_no_config(folder))
    found = _mapping(path)
    if not found.get("model_type"):
        raise ModelError(f"{path}: no 'model_type'; expected a transformers model config")
    return found


def _mapping(path: Path) -> dict[str, Any]:
    """The JSON object in `path`; empty where there is no such file.

    Raises: ModelError: something else is in it.
    """
    if not weights.is_there(path):
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelError(f"{path}: not valid JSON ({error})") from None
    if not isinstance(found, dict):
        raise ModelError(f"{path}: holds {type(found).__name__}, expected keys with values")
    return found


def _no_config(folder: Path) -> str:
    if (folder / "adapter_config.json").is_file():
        base = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))
        name = base.get("base_model_name_or_path", "")
        return f"{folder}: an adapter, not a model. Give its base model '{name}', or merge it first"
    inner = [path for path in sorted(folder.glob("*.gguf"))]
    if inner:
        return f"{folder}: no config.json. For the GGUF file in it, give its path: {inner[0]}"
    return f"{folder}: no config.json; expected a model in transformers layout"


def _check_counts(path: Path, settings: dict[str, Any]) -> None:
    """Libraries open a model of no layers, and take a context of -5 or 0 tokens for one."""
    inner = settings.get("text_config")
    for place in (settings, inner if isinstance(inner, dict) else {}):
        for name in _COUNTS:
            found = place.get(name)
            if found is not None and (type(found) is not int or found < 1):
                raise ModelError(
                    f"{path}: {name}: got {json.dumps(found)}, expected a whole number above 0. "
                    "Fetch or copy the file again"
                )


def _settings_files(folder: Path) -> list[Path]:
    """Every settings file that transformers may read: of model, tokenizer, generation, processors,
    also those of one version (`config.4.0.0.json`)."""
    return [
        path
        for path in weights.identity_files(folder)
        if path.suffix == ".json" and ("config" in path.name or path.stem == "special_tokens_map")
    ]


def _refuse_code(path: Path, settings: dict[str, Any]) -> None:
    if "auto_map" in settings:
        raise ModelError(
            f"{path}: 'auto_map' asks for Python code shipped with the model; such code is never "
            "run. Use a model whose architecture and tokenizer transformers has itself"
        )


def _no_weights(folder: Path) -> str:
    pickles = sorted(path.name for pattern in _PICKLES for path in folder.glob(pattern))
    if pickles:
        return (
            f"{folder}: weights only as pickle ({', '.join(pickles[:3])}); pickle files can run "
            "code when opened and are refused. Convert them once, where you trust them: "
            "AutoModel.from_pretrained(FOLDER).save_pretrained(NEW_FOLDER)"
        )
    return f"{folder}: no weights; expected model.safetensors"
