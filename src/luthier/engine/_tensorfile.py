"""Tensors to a safetensors file in one pass: written, hashed and made durable together.

The safetensors library serialises in memory first and does not sync; a checkpoint needs neither.
Source: the safetensors format, https://huggingface.co/docs/safetensors (8 bytes length, JSON
header, raw little-endian data); files read back by the library itself.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

_NAMES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.int16: "I16",
    torch.int8: "I8",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}
_PIECE = 1 << 22


def write_tensors(path: Path, tensors: Mapping[str, Tensor]) -> tuple[str, int]:
    """Write and sync; SHA-256 and size in bytes of the file.

    Raises: OSError: disk full or folder not writable.
    """
    header, offset = dict[str, object](), 0
    for name, tensor in tensors.items():
        end = offset + tensor.numel() * tensor.element_size()
        header[name] = {
            "dtype": _NAMES[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [offset, end],
        }
        offset = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    digest = hashlib.sha256()
    with path.open("wb", buffering=0) as file:
        for piece in _joined(_pieces(text, tensors)):
            digest.update(piece)
            _write_all(file.fileno(), piece)
        os.fsync(file.fileno())
    return digest.hexdigest(), 8 + len(text) + offset


def _pieces(text: bytes, tensors: Mapping[str, Tensor]) -> Iterator[memoryview]:
    yield memoryview(len(text).to_bytes(8, "little") + text)
    for tensor in tensors.values():
        flat = tensor.detach().to("cpu").contiguous().flatten().view(torch.uint8)
        content = memoryview(cast(Any, flat.numpy()))
        for start in range(0, len(content), _PIECE):
            yield content[start : start + _PIECE]


def _joined(pieces: Iterator[memoryview]) -> Iterator[memoryview]:
    """The same bytes with small pieces put together: an adapter has hundreds of small tensors."""
    waiting = bytearray()
    for piece in pieces:
        if len(piece) < _PIECE:
            waiting += piece
        if len(piece) == _PIECE or len(waiting) >= _PIECE:
            yield memoryview(bytes(waiting))
            waiting.clear()
        if len(piece) == _PIECE:
            yield piece
    yield memoryview(bytes(waiting))


def _write_all(descriptor: int, piece: memoryview) -> None:
    while len(piece):
        piece = piece[os.write(descriptor, piece) :]
