"""A file elsewhere: `https://`, `s3://`, `gs://` and whatever else fsspec knows."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path, PurePosixPath
from typing import Any

from luthier.core import cache
from luthier.core.errors import DataError, missing
from luthier.data.opened import Opened
from luthier.data.places import places
from luthier.data.places._local import digest_at, found_at

_URL = re.compile(r"(https?|s3|s3a|gs|gcs|az|abfs|abfss|ftp|sftp|hdfs|webdav)://")
_EXTRAS = {"s3": "s3fs", "s3a": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "az": "adlfs"}
_MEMBER = re.compile(r"(.+?\.(?:zip|tgz|tar|tar\.\w+))/(.+)")


@places.add
class Url:
    """Fetched once for each state that the server tells of (its tag, time and size), into the cache
    folder; then read as a file, or as the folder in an archive."""

    def holds(self, name: str) -> bool:
        return _URL.match(name) is not None

    def find(self, name: str, *, encoding: str) -> list[Opened]:
        url, member = _split(name)
        return found_at(_fetched(url), name=url, encoding=encoding, member=member)

    def digest(self, name: str) -> str:
        url, member = _split(name)
        return digest_at(_fetched(url), name=url, member=member)


def _split(name: str) -> tuple[str, str]:
    """The file to be fetched, and what of it where it is an archive."""
    match = _MEMBER.fullmatch(name)
    return (match[1], match[2]) if match else (name, "")


def _fetched(url: str) -> Path:
    try:
        import fsspec
    except ImportError as error:
        raise missing("fsspec", "remote", "Reading files elsewhere") from error
    try:
        files, path = fsspec.core.url_to_fs(url)
        told: dict[str, Any] = files.info(path)
    except ImportError as error:
        scheme = url.partition("://")[0]
        needed = _EXTRAS.get(scheme, error.name or str(error))
        raise missing(needed, "remote", f"Reading {scheme}:// files") from error
    except Exception as error:  # every backend raises its own kind
        raise _unreachable(url, error) from None
    keys = ("ETag", "etag", "LastModified", "last_modified", "mtime", "updated", "size", "created")
    state = {key: str(told[key]) for key in keys if told.get(key) is not None}
    identity = hashlib.sha256(repr([url, sorted(state.items())]).encode()).hexdigest()[:32]
    name = PurePosixPath(path.partition("?")[0]).name or "file"

    def fill(folder: Path) -> None:
        try:
            files.get_file(path, str(folder / name))
        except Exception as error:  # as above
            raise _unreachable(url, error) from None

    return cache.build(cache.root() / "fetched" / identity, fill, url=url) / name


def _unreachable(url: str, error: Exception) -> DataError:
    cause = error.__cause__ or error  # a server that is not there is called a missing file
    said = (str(cause) or type(cause).__name__).splitlines()[0][:200]
    return DataError(
        f"{url}: cannot be fetched ({said}).\n"
        "    Look at the address and the network, or fetch it yourself and name the file"
    )
