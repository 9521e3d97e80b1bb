"""What an export consists of, with the hashes that prove it, and how it was checked."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from luthier.core import files
from luthier.core.errors import RunError
from luthier.export.contract import Written
from luthier.models.bundle import Bundle

MANIFEST = "manifest.json"
FORMAT_VERSION = 1


def describe(
    bundle: Bundle, format: str, folder: Path, written: Written, parity: Mapping[str, Any]
) -> dict[str, Any]:
    """The manifest of the files in `folder`."""
    source = bundle.source
    return {
        "format_version": FORMAT_VERSION,
        "format": format,
        "made_by": f"luthier {version('luthier')}",
        "kind": bundle.kind,
        "labels": list(bundle.labels),
        "base": {
            "reference": source.reference,
            "sha256": source.sha256,
            "license": source.license,
            "needed": written.needs_base,
        },
        "facts": dict(written.facts),
        "parity": dict(parity),
        "files": {
            str(path.relative_to(folder)): {
                "sha256": files.sha256(path),
                "bytes": path.stat().st_size,
            }
            for path in _files(folder)
        },
    }


def write(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Put the manifest beside the files it describes."""
    files.write_json(folder / MANIFEST, manifest)


def verify(folder: Path) -> dict[str, Any]:
    """The manifest of `folder`, every file of which is there and unchanged.

    Raises: RunError: no manifest, or a file that is missing or differs.
    """
    if not (folder / MANIFEST).is_file():
        raise RunError(f"{folder}: not an export; {MANIFEST} is missing")
    again = f"Restore it, or delete {folder} and repeat the command that made it"
    try:
        manifest = files.read_json(folder / MANIFEST)
        listed = {str(name): str(entry["sha256"]) for name, entry in manifest["files"].items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise RunError(f"{folder / MANIFEST}: cannot be read; it is damaged. {again}") from None
    for name, expected in listed.items():
        path = folder / name
        if not path.is_file():
            raise RunError(f"{path}: missing; {MANIFEST} lists it. {again}")
        if files.sha256(path) != expected:
            raise RunError(f"{path}: changed since it was written (its SHA-256 differs). {again}")
    return manifest


def sync(folder: Path) -> None:
    """Make every file in `folder` durable."""
    for path in _files(folder):
        with path.open("rb") as file:
            os.fsync(file.fileno())
    files.fsync_folder(folder)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.name != MANIFEST)
