"""A data set of the Hugging Face hub, or of its local cache: `hf://datasets/OWNER/NAME`."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from textwrap import shorten
from typing import Any

from luthier.core.errors import DataError
from luthier.data.opened import Opened
from luthier.data.picture_files import SUFFIXES
from luthier.data.places import places
from luthier.data.places._gathered import digest_of, gathered
from luthier.data.places._hub_meter import meter
from luthier.data.places._local import digest_at, found_at
from luthier.data.read import open_path
from luthier.data.sources import sources

_SCHEME = "hf://"
_NAME = re.compile(
    r"hf://datasets/(?P<set>[\w.-]+/[\w.-]+)(?:@(?P<before>refs/\w+/\w+|[^/@#]+))?"
    r"(?P<path>/[^@#]*)?(?:@(?P<behind>[^@#]+))?(?:#(?P<part>[^#]+))?"
)
_PACKED = ("gz", "bz2", "xz", "zst", "zip", "tar")


@dataclass(frozen=True, slots=True)
class _Asked:
    """A name in its parts; those not said are empty."""

    repository: str
    revision: str
    path: str
    part: str

    @property
    def name(self) -> str:
        """The name of the folder or file, without "#"."""
        revision = f"@{self.revision}" if self.revision else ""
        return f"hf://datasets/{self.repository}{revision}" + (f"/{self.path}" if self.path else "")


@places.add
class Hub:
    """`[@REVISION][/PATH][#train]` may follow. What the local cache holds is read without asking
    the network; the rest is fetched into it by huggingface_hub."""

    def holds(self, name: str) -> bool:
        return name.startswith(_SCHEME)

    def find(self, name: str, *, encoding: str) -> list[Opened]:
        asked = _asked(name)
        path, store = _fetched(asked)
        commit = path.relative_to(store / "snapshots").parts[0]
        note = f"of the hub's local cache, commit {commit[:12]}"
        found = _opened(asked, path, store, name=name, encoding=encoding)
        return [replace(one, notes=(*one.notes, note)) for one in found]

    def reads(self, name: str, path: Path) -> bool:
        del name, path
        return False  # copies are kept in the cache folder

    def digest(self, name: str) -> str:
        path, store = _fetched(_asked(name))
        return digest_of(path, within=store) if path.is_dir() else digest_at(path, name=name)


def _opened(asked: _Asked, path: Path, store: Path, *, name: str, encoding: str) -> list[Opened]:
    if path.is_dir():
        return gathered(
            path,
            name=asked.name,
            encoding=encoding,
            part=asked.part,
            within=store,
            has_sign=True,
        )
    if asked.part:
        return [open_path(path, name=name, encoding=encoding, part=asked.part)]
    return found_at(path, name=name, encoding=encoding)


def _asked(name: str) -> _Asked:
    found = _NAME.fullmatch(name)
    if found is None:
        raise DataError(
            f"{name}: expected hf://datasets/OWNER/NAME, perhaps with a path in it, @REVISION or "
            "#train.\n    Look at the name at huggingface.co/datasets"
        )
    revision = found["behind"] or found["before"] or ""
    return _Asked(found["set"], revision, (found["path"] or "").strip("/"), found["part"] or "")


def _fetched(asked: _Asked) -> tuple[Path, Path]:
    """Where it lies in the local cache, and the folder that everything of the set lies in.

    Raises: DataError: it is not there, and the hub did not give it.
    """
    # an import of 0.5 s that only names of this kind need
    from huggingface_hub import snapshot_download

    settings: dict[str, Any] = {
        "repo_id": asked.repository,
        "repo_type": "dataset",
        "revision": asked.revision or None,
        "allow_patterns": [asked.path, f"{asked.path}/*"] if asked.path else _patterns(),
    }
    try:
        folder = Path(snapshot_download(**settings, local_files_only=True))
        if _has_files(folder / asked.path):
            return folder / asked.path, folder.parents[1]
    except (OSError, ValueError):
        pass  # not, or not wholly, in the local cache
    try:
        bars = meter(f"fetching {asked.name}")
        folder = Path(snapshot_download(**settings, etag_timeout=10, tqdm_class=bars))
    except Exception as error:  # the client lets errors of several network libraries through
        raise DataError(
            f"{asked.name}: not in the hub's local cache, and the hub did not give it "
            f"({_why(error)}).\n    Look at the name and the network; or fetch it elsewhere, and "
            "name the file or the folder"
        ) from None
    if not _has_files(folder / asked.path):
        what = f"'{asked.path}'" if asked.path else "files of rows"
        raise DataError(
            f"{asked.name}: the data set has no {what}.\n"
            "    Look at its files at huggingface.co/datasets. Sets that are made by a script are "
            "not run: their rows may be there at @refs/convert/parquet"
        )
    return folder / asked.path, folder.parents[1]


def _has_files(path: Path) -> bool:
    if not path.is_dir():
        return path.is_file()
    found = (file for file in path.rglob("*") if file.suffix.lstrip(".") in _suffixes())
    return any(file.is_file() for file in found)


@cache
def _suffixes() -> frozenset[str]:
    found = frozenset[str]().union(*(kind.suffixes for _, kind in sources.items()))
    return (found | {*_PACKED} | SUFFIXES) - {"md", "markdown"}


def _patterns() -> list[str]:
    """Of all files that may hold rows."""
    return [f"*.{suffix}" for suffix in sorted(_suffixes())]


def _why(error: Exception) -> str:
    """The error in one line; of being offline the library speaks in several."""
    from huggingface_hub.constants import HF_HUB_OFFLINE

    if HF_HUB_OFFLINE:
        return "HF_HUB_OFFLINE is set, so it was not asked"
    line = (str(error).strip().splitlines() or [""])[0]
    return f"{type(error).__name__}: {shorten(line, 160, placeholder=' ...')}"
