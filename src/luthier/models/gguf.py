"""GGUF files as plain transformers folders: dequantised once, kept in the cache."""

from __future__ import annotations

import contextlib
import io
import re
import tempfile
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

from luthier.core import cache
from luthier.core.errors import ModelError

_MAGIC = b"GGUF"


def open_folder(path: Path) -> Path:
    """The cached transformers folder (bfloat16) of a GGUF file; made on first use.

    Raises: ModelError: not a GGUF file, truncated, or of an architecture that cannot be read.
    """
    if not path.is_file():
        raise ModelError(f"model '{path}': there is no such file")
    name = re.sub(r"[^A-Za-z0-9.]+", "-", path.stem).strip("-").lower()
    folder = cache.root() / "models" / f"{name}-{cache.sha256(path)[:12]}"
    return cache.build(folder, lambda target: _checked(path, target), origin=path.name)


def _checked(path: Path, target: Path) -> None:
    check(path)
    with contextlib.redirect_stderr(io.StringIO()):  # progress bars of the reader
        dequantise(path, target)


def check(path: Path) -> None:
    """Nothing, when every tensor that the header declares lies within the file.

    Raises: ModelError: naming the file and what is wrong.
    """
    with path.open("rb") as file:
        if file.read(4) != _MAGIC:
            raise ModelError(f"{path}: not a GGUF file (it does not begin with 'GGUF')")
    try:
        _tensor_ends(path)
    except ModelError:
        raise
    except Exception as error:  # the reader raises whatever numpy did on a short or damaged file
        raise ModelError(
            f"{path}: truncated or damaged GGUF file ({type(error).__name__}: {error}). "
            "Fetch or copy it again"
        ) from None


def _tensor_ends(path: Path) -> None:
    from gguf import GGUFReader  # costs 0.1 s and is needed for GGUF files only

    size = path.stat().st_size
    for tensor in GGUFReader(path).tensors:
        end = int(tensor.data_offset) + int(tensor.n_bytes)
        if end > size:
            raise ModelError(
                f"{path}: truncated; tensor '{tensor.name}' ends at byte {end}, the file at {size}."
                " Fetch or copy it again"
            )


def license_of(path: Path) -> str:
    """The licence named in the file's metadata, or an empty string."""
    from gguf import GGUFReader

    field = GGUFReader(path).get_field("general.license")
    return str(field.contents()) if field is not None else ""


def dequantise(path: Path, target: Path) -> None:
    """Write the model in `path` to `target` as bfloat16 safetensors with its tokenizer.

    transformers keeps GGUF blocks packed unless told otherwise, and a model that is still marked
    as quantised refuses to be saved; both are undone here. Tied embeddings stay tied.
    """
    try:
        with tempfile.TemporaryDirectory() as alone:
            # transformers would also read what lies beside the file, such as tokenizer settings
            (Path(alone) / path.name).symlink_to(path.resolve())
            _convert(Path(alone), path.name, target)
    except (ValueError, KeyError, NotImplementedError) as error:
        raise ModelError(f"{path}: transformers cannot read this GGUF file: {error}") from error


def _convert(folder: Path, name: str, target: Path) -> None:
    place: dict[str, Any] = {
        "gguf_file": name,
        "local_files_only": True,
        "trust_remote_code": False,
    }
    model = AutoModelForCausalLM.from_pretrained(
        folder,
        dtype=torch.bfloat16,
        quantization_config=GgufConfig(dequantize=True),
        **place,
    )
    tokenizer = AutoTokenizer.from_pretrained(folder, **place)
    _forget_quantisation(model)
    model.save_pretrained(target)
    tokenizer.save_pretrained(target)


def _forget_quantisation(model: Any) -> None:
    model.is_quantized = False
    for holder, name in (
        (model, "hf_quantizer"),
        (model, "quantization_method"),
        (model.config, "quantization_config"),
        (model.config, "_pre_quantization_dtype"),
    ):
        if hasattr(holder, name):
            delattr(holder, name)
    model.config.dtype = torch.bfloat16
