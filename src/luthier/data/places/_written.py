"""The documents of a folder as records, whatever each of them was written with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

from luthier.data.content import Content
from luthier.data.encoding import detect
from luthier.data.sources import sources
from luthier.data.sources._documents import whole_text
from luthier.data.sources.contract import ASIDE, Aside, Documents, NoText, Record, Source


@cache
def document_kinds() -> dict[str, type[Source]]:
    """Extension -> who reads such documents; plain text is read as it is."""
    kinds = [kind for _, kind in sources.items() if _is_of_documents(kind)]
    return {suffix: kind for kind in [sources.get("text"), *kinds] for suffix in kind.suffixes}


def _is_of_documents(kind: type[Source]) -> bool:
    return isinstance(kind(), Documents)


def documents(
    members: Sequence[Path], names: Sequence[str], labels: Sequence[str], encoding: str
) -> Iterator[tuple[int, Record]]:
    """A record for each file; those without text say so in `Aside.unread`.

    Args: names: of the files, as the user says them.
    Raises: DataError: one is damaged, cannot be decoded, or is too large.
    """
    for number, (path, name, label) in enumerate(zip(members, names, labels, strict=True), start=1):
        why = ""
        try:
            text = _text(path, name, encoding)
        except NoText as error:
            text, why = "", error.why
        record: Record = {"text": text, "file": path.name, ASIDE: Aside(file=name, unread=why)}
        yield number, record | ({"label": label} if label else {})


def _text(path: Path, name: str, encoding: str) -> str:
    if not path.stat().st_size:
        raise NoText(f"{name}: the file is empty (0 bytes)", why="empty file")
    suffix = path.suffix.lower().lstrip(".")
    kind = document_kinds()[suffix]()
    content = Content(name, suffix, lambda: path.open("rb"), b"", path)
    if not kind.binary:
        found = detect(content.open, encoding=encoding, where=name)
        content = Content(name, suffix, content.open, b"", path, "", found.codec, found.skipped)
    if isinstance(kind, Documents):
        return kind.text(content)[0]
    return whole_text(content).strip("\0 \t\n")
