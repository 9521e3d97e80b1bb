"""A file elsewhere: `https://`, `s3://`, `gs://` and whatever else fsspec knows."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from luthier.core import cache
from luthier.core.errors import DataError
from luthier.data.opened import Opened
from luthier.data.parts import Parted
from luthier.data.places import places
from luthier.data.places._fetched import copies, fetched, is_pattern
from luthier.data.places._local import digest_at, found_at
from luthier.data.places.contract import Unreachable
from luthier.data.recorded import recorded_below

_URL = re.compile(r"(https?|s3|s3a|gs|gcs|az|abfs|abfss|ftp|sftp|hdfs|webdav)://")
_MEMBER = re.compile(r"(.+?\.(?:zip|tgz|tar|tar\.\w+))/(.+)")
_PART = re.compile(r"([^#]+)#([^#/.]+)")
"""A name of a file may have the sign too, but then its extension follows."""


@places.add
class Url:
    """Fetched once for each state that the server tells of (its tag or time), into the cache
    folder; then read as a file, or as the folder in an archive. A run that goes on where nobody
    answers reads the copy with the bytes that it recorded."""

    def holds(self, name: str) -> bool:
        return _URL.match(name) is not None and not is_pattern(name)

    def find(self, name: str, *, encoding: str) -> list[Opened]:
        url, member, part = _split(name)
        try:
            path = fetched(url)
        except Unreachable as error:
            recorded = recorded_below(url)
            if not recorded:
                raise
            read = partial(found_at, name=url, encoding=encoding, member=member, part=part)
            return _copied(url, read, recorded=recorded, error=error)
        return found_at(path, name=url, encoding=encoding, member=member, part=part)

    def reads(self, name: str, path: Path) -> bool:
        del name, path
        return False  # copies are kept in the cache folder

    def digest(self, name: str) -> str:
        url, member, _ = _split(name)
        return digest_at(fetched(url), name=url, member=member)


def _split(name: str) -> tuple[str, str, str]:
    """The file to be fetched, what of it where it is an archive, and else which part of it."""
    if match := _MEMBER.fullmatch(name):
        return match[1], match[2], ""
    match = _PART.fullmatch(name)
    return (match[1], "", match[2]) if match else (name, "", "")


def _copied(
    url: str,
    read: Callable[[Path], list[Opened]],
    *,
    recorded: dict[str, str],
    error: Unreachable,
) -> list[Opened]:
    """What a run read, from a copy that is kept.

    Args: read: opens a copy.
    Raises: DataError: no copy has these bytes. Parted: as `read`.
    """
    note = f"a copy with the recorded SHA-256, as it cannot be fetched now ({error.why})"
    for path in copies(url):
        try:
            found = read(path)
        except Parted:  # each part is looked for by itself
            raise
        except DataError:  # another state of it, in which there is nothing to read
            continue
        if all(recorded.get(one.name) == one.sha256 for one in found):
            return [replace(one, notes=(*one.notes, note)) for one in found]
    raise DataError(
        f"{url}: cannot be fetched ({error.why}), and {cache.root()} keeps no copy with the bytes "
        "that the run was started with.\n"
        "    Continue where the address answers, or with the cache folder of then: LUTHIER_CACHE"
    ) from None
