"""Files elsewhere, fetched into the cache folder once for each state that their server tells of."""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from luthier.core import cache, files
from luthier.core.amount import Amount
from luthier.core.errors import DataError, missing
from luthier.data.places.contract import Unreachable

_EXTRAS = {"s3": "s3fs", "s3a": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "az": "adlfs"}
_STATE = (
    *("ETag", "etag", "generation", "Content-MD5", "Digest", "Last-Modified", "LastModified"),
    *("last_modified", "mtime", "modified", "modify", "updated", "created"),
)
"""By what the servers of fsspec tell one state of a file from the next; of a size alone none."""
_PATTERN = re.compile(
    r"https?://[^/]+/[^?]*\*|(?:s3a?|gs|gcs|az|abfss?|s?ftp|hdfs|webdav)://[^/]+/.*[*?\[]"
)
_GONE = frozenset({404, 410})
_SILENT_SECONDS = 30
"""Of a server that says nothing more."""


@dataclass(frozen=True, slots=True)
class _Remote:
    """A file elsewhere, as its server tells of it."""

    url: str
    system: Any
    path: str
    told: dict[str, Any]

    @property
    def name(self) -> str:
        return PurePosixPath(self.path.partition("?")[0]).name or "file"

    @property
    def state(self) -> list[tuple[str, str]]:
        """What is another when the content is another; empty: nobody can tell."""
        said = [(key, str(self.told[key])) for key in _STATE if self.told.get(key) is not None]
        return [*said, ("size", str(self.told.get("size")))] if said else []

    def fetch(self, folder: Path) -> None:
        """Put it into `folder`.

        Raises: Unreachable: not all of it came. DataError: there is no room for it.
        """
        target, size = folder / self.name, self.told.get("size")
        try:
            self.system.get_file(self.path, str(target), callback=_meter(self.url, size or 0))
        except Exception as error:  # every backend raises its own kind
            if getattr(error, "errno", None) in files.FULL:
                raise _no_room(self.url, error) from None
            raise _unreachable(self.url, error) from None
        came = target.stat().st_size
        if size is not None and came < size:
            raise _refused(self.url, f"only {came:,} of {size:,} bytes came")


def fetched(url: str) -> Path:
    """The file, in the cache folder: as it was fetched before, where it is still the same.

    Raises: Unreachable: its server does not give it, or has none.
    """
    remote = _asked(url)
    if remote.state:
        return cache.build(_folder(url, remote.state), remote.fetch, url=url) / remote.name
    root = _root()
    root.mkdir(parents=True, exist_ok=True)
    cache.clear_up(root / "new")
    with tempfile.TemporaryDirectory(prefix=".new.", dir=root) as place:
        remote.fetch(Path(place))
        new = Path(place, remote.name)

        def fill(folder: Path) -> None:
            new.rename(folder / remote.name)

        return cache.build(_folder(url, files.sha256(new)), fill, url=url) / remote.name


def is_pattern(name: str) -> bool:
    """Whether a name stands for several files elsewhere; a "?" in `https://` begins a query, and
    brackets may be those of a host."""
    return _PATTERN.match(name) is not None


def listed(pattern: str) -> list[str]:
    """The files that match a pattern, in order.

    Raises: Unreachable: nobody says what there is.
    """
    system, path = _system(pattern)
    try:
        root = re.split(r"[*?\[]", path, maxsplit=1)[0].rpartition("/")[0]
        system.ls(root)  # a glob takes a server that is not there for one that holds nothing
        found = system.glob(path, detail=True)
    except Exception as error:  # every backend raises its own kind
        raise _unreachable(pattern, error) from None
    files_there = (one for one, told in found.items() if told.get("type") != "directory")
    return sorted(map(system.unstrip_protocol, files_there))


def matching(pattern: str, names: Iterable[str]) -> list[str]:
    """Those of the names of files elsewhere that a pattern stands for, in order."""
    try:
        from fsspec.utils import glob_translate
    except ImportError as error:
        raise missing("fsspec", "remote", "Reading files elsewhere") from error
    wanted = re.compile(glob_translate(pattern))
    return sorted(name for name in names if wanted.match(name))


def copies(url: str) -> Iterator[Path]:
    """Every copy that is kept of a file elsewhere, the newest first."""
    kept = [path for path in _root().glob("*") if not path.name.startswith(".")]
    for folder in sorted(kept, key=_age):
        if cache.notes(folder).get("url") == url and not cache.damage(folder):
            yield from (folder / name for name in cache.listed(folder) or ())


def _age(folder: Path) -> float:
    return -folder.stat().st_mtime


def _root() -> Path:
    return cache.root() / "fetched"


def _folder(url: str, state: object) -> Path:
    return _root() / hashlib.sha256(repr([url, state]).encode()).hexdigest()[:32]


def _asked(url: str) -> _Remote:
    """The file, before it is fetched. Raises: as `fetched`."""
    system, path = _system(url)
    try:
        told = system.info(path)
    except Exception as error:  # every backend raises its own kind
        raise _unreachable(url, error) from None
    if told.get("type") == "directory":
        raise DataError(
            f"{url}: a folder.\n    Name the files in it, such as {url.rstrip('/')}/*.jsonl"
        )
    return _Remote(url, system, path, told)


def _system(url: str) -> tuple[Any, str]:
    """Whoever has the files of this address, and what they call it there."""
    scheme = url.partition("://")[0]
    try:
        import fsspec
    except ImportError as error:
        raise missing("fsspec", "remote", "Reading files elsewhere") from error
    settings = _patience() if scheme in ("http", "https") else {}
    try:
        system, path = fsspec.core.url_to_fs(url, **settings)
    except ImportError as error:
        needed = _EXTRAS.get(scheme, error.name or str(error))
        raise missing(needed, "remote", f"Reading {scheme}:// files") from error
    except Exception as error:  # every backend raises its own kind
        raise _unreachable(url, error) from None
    return system, path


def _patience() -> dict[str, Any]:
    """A file may take hours, unlike the five minutes that aiohttp gives it; silence may not."""
    try:
        from aiohttp import ClientTimeout
    except ImportError as error:
        raise missing("aiohttp", "remote", "Reading https:// files") from error
    silence = ClientTimeout(total=None, sock_connect=_SILENT_SECONDS, sock_read=_SILENT_SECONDS)
    return {"client_kwargs": {"timeout": silence}}


def _meter(url: str, size: int) -> Any:
    """What fsspec tells how many bytes came."""
    try:
        from fsspec.callbacks import Callback
    except ImportError as error:
        raise missing("fsspec", "remote", "Reading files elsewhere") from error
    amount = Amount(f"fetching {url}", size)
    return Callback(hooks={"came": lambda _, value, **__: amount.reach(int(value))})


def _unreachable(url: str, error: Exception) -> Unreachable:
    cause = error.__cause__ or error  # a server that is not there is called a missing file
    said = (str(cause) or type(cause).__name__).splitlines()[0][:200]
    is_missing = isinstance(cause, FileNotFoundError) or getattr(cause, "status", 0) in _GONE
    said = "there is no such file" if isinstance(cause, FileNotFoundError) else said
    return _refused(url, said, is_gone=is_missing)


def _no_room(url: str, error: Exception) -> DataError:
    return DataError(
        f"{url}: cannot be kept in {cache.root()} ({error}).\n"
        "    Make room there, or name another folder: LUTHIER_CACHE"
    )


def _refused(url: str, why: str, *, is_gone: bool = False) -> Unreachable:
    kept = next(copies(url), None)
    known = f"; what was fetched before is kept as {kept}" if kept else ""
    return Unreachable(
        f"{url}: cannot be fetched ({why}).\n"
        f"    Look at the address and the network, or fetch it yourself and name the file{known}",
        why=why,
        is_gone=is_gone,
    )
