"""Archives, unpacked once into the cache folder under the hash of their bytes."""

from __future__ import annotations

import lzma
import re
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO

from luthier.core import cache, files
from luthier.core.amount import open_told
from luthier.core.errors import DataError
from luthier.data.packed import unpack
from luthier.data.packings import packings
from luthier.data.packings._unpacked import MOST_TIMES, most_bytes

_ZIP = b"PK\x03\x04"
_HEADER = 512
_INSIDE = "files"
"""Folder below the one that the cache seals with a document of its own."""
_OFFICE = frozenset({"xlsx", "xlsm", "xlsb", "docx", "pptx", "ods", "odt"})
_OFFICE_MEMBERS = (b"[Content_Types].xml", b"mimetype")
"""Names of the first member of such documents."""
_DRIVE = re.compile(r"[A-Za-z]:")
_MOST_MEMBERS = 5_000_000
_FAULTS = (
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError),
    *(EOFError, NotImplementedError),
)


@dataclass(frozen=True, slots=True)
class _Member:
    """One file inside."""

    name: str
    size: int
    """As the archive says."""
    problem: str
    """Why it is not to be unpacked; empty: it is."""
    handle: zipfile.ZipInfo | tarfile.TarInfo


def is_archive(path: Path) -> bool:
    """A ZIP or tar file, whatever it is called; spreadsheets and the like are none."""
    if not path.is_file() or path.suffix.lower().lstrip(".") in _OFFICE:
        return False
    try:
        with path.open("rb") as file:
            start = file.read(_HEADER)
        if start.startswith(_ZIP):
            return not start[30:].startswith(_OFFICE_MEMBERS)
        return _is_tar(start) or (_is_packed(start) and _holds_tar(path))
    except (OSError, DataError):
        return False  # whoever reads it says what is wrong


def _is_tar(start: bytes) -> bool:
    return start[257:262] == b"ustar"


def _is_packed(start: bytes) -> bool:
    return any(start.startswith(packing.start) for _, packing in packings.items())


def _holds_tar(path: Path) -> bool:
    with _inside(path, str(path)) as content:
        return _is_tar(content.read(_HEADER))


def _inside(path: Path, name: str) -> BinaryIO:
    """The bytes of a file, unpacked where it is packed as a whole."""
    size = path.stat().st_size
    inside, _, _ = unpack(lambda: open_told(path, "unpacking"), file=name, size=size)
    return inside()


def unpacked(path: Path, *, name: str) -> Path:
    """The folder that holds what the archive does; unpacked the first time, then found again.

    Raises: DataError: damaged, with a password, larger inside than any data is, or a member whose
        name leads out of the folder. Nothing of it is then left behind.
    """
    digest = files.sha256(path)
    target = cache.root() / "unpacked" / digest[:32]
    try:
        fill = partial(_fill, path=path, name=name)
        return cache.build(target, lambda folder: fill(folder / _INSIDE), by_size=True) / _INSIDE
    except _FAULTS as error:
        raise DataError(
            f"{name}: an archive that is damaged or cut off ({error}).\n"
            "    Copy it or make it again"
        ) from None
    except OSError as error:
        raise DataError(
            f"{name}: cannot be unpacked to {cache.root()} "
            f"({(error.strerror or str(error)).lower()}).\n"
            "    Make room there, or name another folder: LUTHIER_CACHE"
        ) from None


def _fill(folder: Path, *, path: Path, name: str) -> None:
    left = most_bytes(path.stat().st_size)
    with _opened(path, name) as archive:
        for number, member in enumerate(archive.members()):
            problem = member.problem
            if member.size > left or number > _MOST_MEMBERS:
                problem = f"with it more than {MOST_TIMES} times the size of the archive comes out"
            if problem:
                raise DataError(
                    f"{name}, member '{member.name}': {problem}; nothing was unpacked.\n"
                    "    If you trust the archive, unpack it yourself and name the folder"
                )
            left -= member.size
            target = folder / PurePosixPath(member.name)
            target.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(member) as inside, target.open("wb") as out:
                shutil.copyfileobj(inside, out, 1 << 20)


@contextmanager
def _opened(path: Path, name: str) -> Generator[_Archive]:
    with path.open("rb") as file:
        is_zip = file.read(4) == _ZIP
    if is_zip:
        with open_told(path, "unpacking") as content, zipfile.ZipFile(content) as archive:
            yield _Archive(archive)
        return
    with _inside(path, name) as content, tarfile.open(fileobj=content, mode="r|") as archive:
        yield _Archive(archive)


class _Archive:
    """ZIP and tar files alike."""

    def __init__(self, file: zipfile.ZipFile | tarfile.TarFile) -> None:
        self._file = file

    def members(self) -> Iterator[_Member]:
        """Its files; folders come with them."""
        if isinstance(self._file, zipfile.ZipFile):
            for info in self._file.infolist():
                if not info.is_dir():
                    problem = _problem_of(info.filename, is_link=_is_link(info))
                    problem = problem or ("it needs a password" if info.flag_bits & 1 else "")
                    yield _Member(info.filename, info.file_size, problem, info)
            return
        for info in self._file:
            if not info.isdir():
                problem = _problem_of(info.name, is_link=not info.isfile())
                yield _Member(info.name, info.size, problem, info)

    def open(self, member: _Member) -> IO[bytes]:
        """Its bytes."""
        if isinstance(self._file, zipfile.ZipFile):
            assert isinstance(member.handle, zipfile.ZipInfo)
            return self._file.open(member.handle)
        assert isinstance(member.handle, tarfile.TarInfo)
        found = self._file.extractfile(member.handle)
        assert found is not None  # a file, as its problem says
        return found


def _is_link(info: zipfile.ZipInfo) -> bool:
    return stat.S_ISLNK(info.external_attr >> 16)


def _problem_of(name: str, *, is_link: bool) -> str:
    path = PurePosixPath(name.replace("\\", "/"))
    if not path.parts or path.is_absolute() or ".." in path.parts or _DRIVE.match(name):
        return "its name leads out of the folder"
    return "is a link or a device and no file" if is_link else ""
