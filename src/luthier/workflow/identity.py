"""Which model and which tokenizer went into a run, as hashes of their own."""

from __future__ import annotations

from pathlib import Path

from luthier.core import cache
from luthier.core.files import sha256_of
from luthier.models import weights
from luthier.models.bundle import Source

TEMPLATES = "additional_chat_templates"
"""Folder of further chat templates, in transformers' layout."""
_NAMES = frozenset(
    {
        *("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"),
        *("added_tokens.json", "vocab.json", "vocab.txt", "merges.txt", "tekken.json"),
        "chat_template.json",
    }
)
_SUFFIXES = (".model", ".jinja")


def model_hashes(source: Source, *, as_one: bool = False) -> dict[str, str]:
    """ "model" over weights and configs, "tokenizer" over what makes tokens of text and rows.

    Args: as_one: a single hash over all files, as runs from before the two were told apart have.
    """
    if as_one:
        return {"model": source.sha256}
    files = weights.identity_files(source.folder)
    tokenizer = [path for path in files if _is_of_tokenizer(path)]
    templates = sorted((source.folder / TEMPLATES).glob("*.jinja"))
    return {
        "model": _hash([path for path in files if path not in tokenizer], source.folder),
        "tokenizer": _hash([*tokenizer, *templates], source.folder),
    }


def _is_of_tokenizer(path: Path) -> bool:
    return path.name in _NAMES or path.suffix in _SUFFIXES


def _hash(paths: list[Path], folder: Path) -> str:
    parts = [(path.relative_to(folder).as_posix(), cache.sha256(path)) for path in paths]
    return sha256_of([text.encode() for part in parts for text in part])
