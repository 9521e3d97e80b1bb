"""Are the files of a model those that were once written? Asks whatever recorded their SHA-256."""

from __future__ import annotations

import re
from pathlib import Path

from luthier.core import cache, files
from luthier.core.errors import ModelError
from luthier.models import weights

_SHA256 = re.compile(r"[0-9a-f]{64}")


def check(folder: Path) -> None:
    """Nothing, when no record contradicts a file of the model in `folder`.

    A folder that Luthier wrote (an export, or one of its cache) holds a manifest; large files in
    the cache of the Hugging Face hub are named after their SHA-256. Other folders have no record.
    Files are hashed once: the hash is remembered, and the identity of the model needs it anyway.
    Raises: ModelError: naming the file that changed.
    """
    if (folder / cache.MANIFEST).is_file():
        _check_manifest(folder)
    for path in weights.identity_files(folder):
        _check_blob(path)


def _check_manifest(folder: Path) -> None:
    problem = cache.damage(folder)
    if not problem:
        return
    if folder.resolve().is_relative_to(cache.root().resolve()):
        raise ModelError(f"{problem}. Delete {folder} and fetch the model again")
    manifest = folder / cache.MANIFEST
    if cache.listed(folder) is None and _is_json(manifest):
        return  # another tool's, which says nothing that we understand
    raise ModelError(
        f"{problem}. Copy or export the model again; if the change is yours, delete {manifest}"
    )


def _is_json(path: Path) -> bool:
    try:
        files.read_json(path)
    except ValueError:
        return False
    return True


def _check_blob(path: Path) -> None:
    blob = path.resolve()
    is_recorded = blob.parent.name == "blobs" and _SHA256.fullmatch(blob.name)
    if is_recorded and cache.sha256(blob) != blob.name:
        raise ModelError(
            f"{path}: its SHA-256 is not the hub's. Delete {blob} and fetch the model again"
        )
