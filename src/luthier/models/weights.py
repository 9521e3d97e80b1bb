"""What can be said about weight files without loading them: they are whole, and which they are."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

from luthier.core import cache
from luthier.core.errors import ModelError
from luthier.core.files import sha256_of

INDEX = "model.safetensors.index.json"
_MAX_HEADER = 100_000_000  # the format's own limit
_ITEM_BITS = {
    "F64": 64,
    "I64": 64,
    "U64": 64,
    "C64": 64,
    "F32": 32,
    "I32": 32,
    "U32": 32,
    "F16": 16,
    "BF16": 16,
    "I16": 16,
    "U16": 16,
    "I8": 8,
    "U8": 8,
    "BOOL": 8,
    "F8_E4M3": 8,
    "F8_E5M2": 8,
    "F8_E8M0": 8,
    "F4": 4,
    "F6_E2M3": 6,
    "F6_E3M2": 6,
}
_TOKENIZER_FILES = (
    *("tokenizer.json", "tokenizer.model", "spiece.model", "sentencepiece.bpe.model"),
    *("vocab.txt", "vocab.json", "tekken.json"),
)
_IDENTITY_SUFFIXES = (".json", ".jinja", ".txt", ".model", ".safetensors")
_NOT_IDENTITY = {cache.MANIFEST, "data_config.json", "training_args.json", "trainer_state.json"}


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files that hold the model, in order of name.

    Raises: ModelError: the index names a file that is not there.
    """
    index = folder / INDEX
    if not index.is_file():
        whole = folder / "model.safetensors"
        every = sorted(path for path in folder.glob("*.safetensors") if is_there(path))
        return [whole] if is_there(whole) else every
    try:
        names = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
    except (ValueError, KeyError, AttributeError) as error:
        raise ModelError(f"{index}: not a readable weight index ({error})") from None
    for name in names:
        if not (folder / name).is_file():
            raise ModelError(f"{index}: names '{name}', which is not in {folder}. Fetch it again")
    return [folder / name for name in names]


def is_there(path: Path) -> bool:
    """Whether `path` is a file.

    Raises: ModelError: it is a link to one that is gone, as when a cache was cleaned.
    """
    if path.is_symlink() and not path.exists():
        raise ModelError(f"{path}: a link to {path.readlink()}, which is not there. Fetch it again")
    return path.is_file()


def holder_of(folder: Path, name: str) -> Path:
    """The weight file that holds the tensor called `name`, with or without a prefix; `folder`
    where no file does."""
    for path in weight_files(folder):
        header, _ = _header(path, path.stat().st_size)
        if any(name.endswith(own) or own.endswith(name) for own in header):
            return path
    return folder


def has_tokenizer(folder: Path) -> bool:
    """True when some tokenizer file stands in `folder`."""
    return any((folder / name).is_file() for name in _TOKENIZER_FILES)


def check_header(path: Path) -> None:
    """Nothing, when the safetensors header agrees with itself and with the size of the file.

    Raises: ModelError: truncated, longer than declared, overlapping or unreadable.
    """
    size = path.stat().st_size
    header, start = _header(path, size)
    end = 0
    entries = [(entry, name) for name, entry in header.items() if name != "__metadata__"]
    try:
        entries.sort(key=lambda pair: tuple(pair[0]["data_offsets"]))
        for entry, name in entries:
            end = _entry_end(path, name, entry, end)
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"{path}: unreadable safetensors header ({error!r})") from None
    if start + end != size:
        raise ModelError(
            f"{path}: {size} bytes on disk, {start + end} declared in its header; the file is "
            "truncated or damaged. Fetch or copy it again"
        )


def _header(path: Path, size: int) -> tuple[dict[str, Any], int]:
    with path.open("rb") as file:
        head = file.read(8)
        length = struct.unpack("<Q", head)[0] if len(head) == 8 else 0
        if not 2 <= length <= min(_MAX_HEADER, size - 8):
            raise ModelError(f"{path}: not a safetensors file, or truncated ({size} bytes)")
        try:
            header = json.loads(file.read(length))
        except ValueError:
            raise ModelError(f"{path}: damaged safetensors header. Copy the file again") from None
    if not isinstance(header, dict):
        raise ModelError(f"{path}: damaged safetensors header. Copy the file again")
    return header, 8 + length


def _entry_end(path: Path, name: str, entry: dict[str, Any], begin: int) -> int:
    first, last = entry["data_offsets"]
    items = 1
    for side in entry["shape"]:
        items *= side
    bits = _ITEM_BITS.get(entry["dtype"])
    expected = (items * bits + 7) // 8 if bits else last - first
    if first != begin or last - first != expected:
        raise ModelError(
            f"{path}: tensor '{name}' lies at bytes {first} to {last}, expected {begin} to "
            f"{begin + expected}; the header is damaged. Copy the file again"
        )
    return int(last)


def identity_files(folder: Path) -> list[Path]:
    """Files that decide what the model does: weights, config, tokenizer and template."""
    kept = set(weight_files(folder))
    found = [
        path
        for path in folder.iterdir()
        if path.suffix in _IDENTITY_SUFFIXES
        and path.name not in _NOT_IDENTITY
        and is_there(path)
        and (path.suffix != ".safetensors" or path in kept)
    ]
    return sorted(found, key=lambda path: path.name)


def identity(folder: Path) -> str:
    """SHA-256 over names and contents of the identity files (each file is read once per change)."""
    parts: list[bytes] = []
    for path in identity_files(folder):
        parts += [path.name.encode(), cache.sha256(path).encode()]
    return sha256_of(parts)
