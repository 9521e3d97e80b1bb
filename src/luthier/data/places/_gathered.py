"""What a folder holds: tables, texts as documents, or pictures, each with its class."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import chain
from pathlib import Path

from luthier.core import files
from luthier.core.counted import counted
from luthier.core.errors import DataError
from luthier.data.opened import Opened
from luthier.data.packings import packings
from luthier.data.parts import beside
from luthier.data.picture_files import is_picture
from luthier.data.places._members import members, visible
from luthier.data.places._outer import root_of
from luthier.data.places._parts import in_part, inside
from luthier.data.places._same import is_among
from luthier.data.places._saved import without_told
from luthier.data.places._written import document_kinds, documents
from luthier.data.read import open_path
from luthier.data.sources import sources
from luthier.data.sources.contract import Record

_TOLD = frozenset({"readme", "license", "licence", "citation"})
"""How texts are called that speak of the pictures beside them."""


def gathered(
    folder: Path,
    *,
    name: str,
    encoding: str,
    part: str = "",
    within: Path | None = None,
    has_sign: bool = False,
) -> list[Opened]:
    """The tables of a folder, each by itself; where there are none its texts, a row for each; or
    its pictures. Texts and pictures in folders of their own have these for labels; folders around
    all of them are none.

    Args: name: of the folder, as the user says it. part: train, validation or test, where only
        this is meant. within: the folder that links may not lead out of; None: this one.
        has_sign: whether such a name may have a part, behind "#".
    Raises: DataError: none of these, parts of the data that are not named one by one, or a link
        that leads out of the folder.
    """
    if is_model(folder):
        raise DataError(f"{name}: is the folder of a model, expected one of rows")
    found = without_told(_files(folder, name, within))
    tables = [path for path in found if _is_table(path)]
    if tables:
        tables = in_part(tables, part, folder=folder, name=name, has_sign=has_sign)
        with beside(len(tables) > 1):
            return [
                open_path(path, name=_named(path, folder, name), encoding=encoding)
                for path in tables
            ]
    texts, pictures = _untabled(found)
    root = root_of(folder, texts or pictures, part=part)
    outer = _named(root, folder, name)
    inner = inside(texts or pictures, part, folder=root, name=outer)
    if inner:
        whole = _named(inner, folder, name)
        if inner.is_dir():
            return gathered(inner, name=whole, encoding=encoding, within=within or folder)
        return [open_path(inner, name=whole, encoding=encoding)]
    below = f"; all of them below {outer}" if root != folder else ""
    if texts:
        how, labels = _of_texts(root, texts, num_files=len(found))
        names = [_named(path, folder, name) for path in texts]
        records = documents(texts, names, labels, encoding)
        digest = _digest(folder, texts)
        return [Opened(name, digest, "folder", (how + below,), records, documents=True)]
    if pictures:
        labels = _labels(root, pictures, name=outer, word="pictures")
        how = _how("pictures", labels, num_files=len(found)) + below
        records = _pictures(pictures, labels)
        return [Opened(name, _digest(folder, pictures), "folder", (how,), records)]
    what = f"{len(found)} files, such as {found[0].name}" if found else "nothing"
    raise DataError(
        f"{name}: is a folder that holds {what}; expected tables (.jsonl, .csv, .parquet, ...), "
        "texts (.txt, .md, .html, .pdf, .docx), or pictures, one folder for each class"
    )


def _untabled(found: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """(texts, none) or (none, pictures), whichever a folder is of: what is said of pictures beside
    them is none of the texts, but pictures among documents stand in these."""
    texts = [path for path in found if _is_text(path)]
    pictures = [path for path in found if is_picture(path.name)]
    is_told = all(path.stem.lower() in _TOLD for path in texts)
    return ([], pictures) if pictures and is_told else (texts, [])


def _of_texts(folder: Path, texts: Sequence[Path], *, num_files: int) -> tuple[str, list[str]]:
    """(what a folder holds, the label of each): where some texts stand in folders and some do not,
    these are no classes."""
    is_mixed = 0 < sum(path.parent == folder for path in texts) < len(texts)
    labels = [""] * len(texts) if is_mixed else _labels(folder, texts, name="", word="texts")
    how = _how("texts", labels, num_files=num_files)
    more = "; some stand in folders within, which are not taken for classes" if is_mixed else ""
    return how + more, labels


def _how(word: str, labels: Sequence[str], *, num_files: int) -> str:
    """What a folder holds, in words."""
    classes = sorted(set(filter(None, labels)))
    held = f" in {len(classes)} classes" if classes else ""
    held = f" in one class, '{classes[0]}'" if len(classes) == 1 else held
    how = f"folder of {counted(len(labels), word.removesuffix('s'))}{held}"
    left = num_files - len(labels)
    verb = "is" if left == 1 else "are"
    return how + (f"; {counted(left, 'other file')} in it {verb} not read" if left else "")


def digest_of(folder: Path, *, within: Path | None = None) -> str:
    """SHA-256 over names and contents of the texts or pictures that `gathered` would read."""
    found = without_told(_files(folder, str(folder), within))
    texts, pictures = _untabled(found)
    return _digest(folder, texts or pictures)


def holds_read(folder: Path, path: Path) -> bool:
    """Whether a file is one that `gathered` would read of a folder, or would be if it were there.

    Raises: DataError: as `_files`.
    """
    own = path.resolve()
    within = folder.resolve() in own.parents
    place = folder / own.relative_to(folder.resolve()) if within else path
    found = [other for other in folder.rglob("*") if other.is_file()]
    found += [place] if within and not place.exists() else []
    found = without_told(visible(found, folder))
    read = [other for other in found if _is_table(other)] or [*chain(*_untabled(found))]
    return place in read or is_among(path, read)


def is_model(folder: Path) -> bool:
    """Whether transformers would open it; its .json files hold no rows."""
    return (folder / "config.json").is_file()


def is_read(path: Path) -> bool:
    """Whether a file in a folder may hold rows, by its name."""
    return _is_table(path) or _is_text(path) or is_picture(path.name)


def _files(folder: Path, name: str, within: Path | None = None) -> list[Path]:
    """Those of its `members` that are files. Raises: DataError: a link leads out."""
    found = members(folder)
    inside = (within or folder).resolve()
    for path in found:
        if path.is_symlink() and not path.resolve().is_relative_to(inside):
            raise DataError(
                f"{_named(path, folder, name)}: is a link to {path.resolve()}, outside of the "
                "folder.\n    Name what it leads to, or copy it into the folder"
            )
    return [path for path in found if path.is_file()]


def _digest(folder: Path, members: Sequence[Path]) -> str:
    parts: list[bytes] = []
    for path in members:
        parts += [str(path.relative_to(folder)).encode(), files.sha256(path).encode()]
    return files.sha256_of(parts)


def _named(path: Path, folder: Path, name: str) -> str:
    within = path.relative_to(folder).as_posix()
    return name.rstrip("/") + (f"/{within}" if within != "." else "")


@cache
def _packed() -> frozenset[str]:
    return frozenset[str]().union(*(packing.suffixes for _, packing in packings.items()))


@cache
def _tables() -> frozenset[str]:
    every = frozenset[str]().union(*(kind.suffixes for _, kind in sources.items()))
    return every - document_kinds().keys()


def _suffix(path: Path) -> str:
    """The extension below those of packings."""
    parts = path.name.lower().split(".")[1:]
    while parts and parts[-1] in _packed():
        parts.pop()
    return parts[-1] if parts else ""


def _is_table(path: Path) -> bool:
    return _suffix(path) in _tables()


def _is_text(path: Path) -> bool:
    return path.suffix.lower().lstrip(".") in document_kinds()


def is_row_file(path: Path) -> bool:
    """Whether it may hold many rows, by its name: a table or a plain text."""
    return _is_table(path) or path.suffix.lower() == ".txt"


def _labels(folder: Path, members: Sequence[Path], *, name: str, word: str) -> list[str]:
    """The class of each: the folder that it stands in; empty where all stand loose."""
    loose = [path for path in members if path.parent == folder]
    if len(loose) == len(members):
        return [""] * len(members)
    classes = [path.relative_to(folder).parts[0] for path in members]
    if loose:
        raise DataError(
            f"{name}: {len(loose)} {word}, such as {loose[0].name}, stand in no folder of a "
            f"class.\n    Put all {word} into folders named after their classes, or name them in a "
            "table with a column for the label"
        )
    return classes


def _pictures(members: Sequence[Path], labels: Sequence[str]) -> Iterator[tuple[int, Record]]:
    for number, (path, label) in enumerate(zip(members, labels, strict=True), start=1):
        yield number, {"picture": str(path)} | ({"label": label} if label else {})
